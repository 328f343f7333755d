"""Runner of models that plain transformers knows: LLaVA-OneVision, MedGemma, CheXOne."""

from loop import reply, serve


def load(weights, revision, device):
    """The model in half precision, and what answers with it."""
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(weights, revision=revision)
    model = AutoModelForImageTextToText.from_pretrained(
        weights, revision=revision, torch_dtype=torch.bfloat16
    ).to(device)

    def answer(request):
        images = [Image.open(path).convert("RGB") for path in request["images"]]
        messages = _messages(request["turns"], len(images))
        text = processor.apply_chat_template(messages, add_generation_prompt=True)
        inputs = processor(text=text, images=images or None, return_tensors="pt")
        inputs = inputs.to(device, torch.bfloat16)
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
            parts = [{"type": "image"}] * images + parts
            images = 0
        messages.append({"role": turn["role"], "content": parts})
    return messages


if __name__ == "__main__":
    serve(load)
