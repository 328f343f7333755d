"""Runner of models that plain transformers knows: LLaVA-OneVision, MedGemma, CheXOne."""

from loop import reply, serve


def load(given):
    """The model in half precision, and what answers with it."""
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    bounds = {"max_pixels": given.max_pixels} if given.max_pixels else {}
    processor = AutoProcessor.from_pretrained(given.weights, revision=given.revision, **bounds)
    model = AutoModelForImageTextToText.from_pretrained(
        given.weights, revision=given.revision, torch_dtype=torch.bfloat16
    ).to(given.device)

    def answer(request):
        images = [Image.open(path).convert("RGB") for path in request["images"]]
        # The template's own tokens are not to be added a second time.
        inputs = processor.apply_chat_template(
            _messages(request["turns"], images),
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        ).to(given.device, torch.bfloat16)
        limit = request["max_tokens"]
        with torch.inference_mode():
            written = model.generate(**inputs, max_new_tokens=limit, do_sample=False)
        ids = written[0, inputs["input_ids"].shape[1] :]
        return reply(processor.decode(ids, skip_special_tokens=False), len(ids), limit)

    return answer


def _messages(turns, images):
    """The turns as the chat template takes them, all images in the first question."""
    messages = []
    for turn in turns:
        parts = [{"type": "text", "text": turn["text"]}]
        if turn["role"] == "user" and images:
            parts = [{"type": "image", "image": image} for image in images] + parts
            images = []
        messages.append({"role": turn["role"], "content": parts})
    return messages


if __name__ == "__main__":
    serve(load)
