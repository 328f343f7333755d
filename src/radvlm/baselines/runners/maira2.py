"""Runner of MAIRA-2: its processor builds the prompts from ``fields``; brings code of its own."""

from loop import reply, serve


def load(given):
    """The model and its processor, with the methods that its model card names."""
    import torch
    from PIL import Image
    from transformers import AutoModelForCausalLM, AutoProcessor

    pinned = {"revision": given.revision, "trust_remote_code": True}
    processor = AutoProcessor.from_pretrained(given.weights, **pinned)
    model = AutoModelForCausalLM.from_pretrained(given.weights, **pinned)
    model = model.to(given.device).eval()

    def opened(path):
        return Image.open(path).convert("L") if path else None

    def inputs_of(request):
        fields, frontal = request["fields"], opened(request["images"][0])
        if "phrase" in fields:
            return processor.format_and_preprocess_phrase_grounding_input(
                frontal_image=frontal, phrase=fields["phrase"], return_tensors="pt"
            )
        return processor.format_and_preprocess_reporting_input(
            current_frontal=frontal,
            current_lateral=opened(fields.get("lateral")),
            prior_frontal=opened(fields.get("prior")),
            indication=fields.get("indication"),
            technique=fields.get("technique"),
            comparison=fields.get("comparison"),
            prior_report=fields.get("prior_report"),
            return_tensors="pt",
            get_grounding=bool(fields.get("grounded")),
        )

    def answer(request):
        inputs = inputs_of(request).to(given.device)
        limit = request["max_tokens"]
        with torch.inference_mode():
            written = model.generate(**inputs, max_new_tokens=limit, use_cache=True)
        new = written[0, inputs["input_ids"].shape[1] :]
        return reply(processor.decode(new, skip_special_tokens=False), len(new), limit)

    return answer


if __name__ == "__main__":
    serve(load)
