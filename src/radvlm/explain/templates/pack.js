document.getElementById("save").addEventListener("click", function () {
  var answers = {};
  document.querySelectorAll("fieldset").forEach(function (one) {
    answers[one.name] = Array.from(one.querySelectorAll("input:checked")).map(function (box) { return box.value; });
  });
  var reader = document.getElementById("reader").value.trim();
  if (!reader) { document.getElementById("reader").focus(); return; }
  var blob = new Blob([JSON.stringify({ reader: reader, answers: answers }, null, 1)], { type: "application/json" });
  var link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = "answers-" + reader.replace(/[^A-Za-z0-9_-]/g, "_") + ".json";
  link.click();
});
