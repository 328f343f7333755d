"""Runner of models in the original LLaVA code: LLaVA-Med v1.5 and LLaVA-Rad.

The packages of both are called ``llava``, so each has an environment of its own; the chat
template is the one that belongs to the weights' name.
"""

from loop import reply, serve

TEMPLATES = (("mistral", "mistral_instruct"), ("rad", "v1"))


def load(weights, revision, device):
    """The model by LLaVA's own builder, from a local folder."""
    import torch
    from llava.constants import DEFAULT_IMAGE_TOKEN, IMAGE_TOKEN_INDEX
    from llava.conversation import conv_templates
    from llava.mm_utils import get_model_name_from_path, process_images, tokenizer_image_token
    from llava.model.builder import load_pretrained_model
    from PIL import Image

    name = get_model_name_from_path(weights)
    tokenizer, model, processor, _ = load_pretrained_model(weights, None, name, device=device)
    template = next((t for part, t in TEMPLATES if part in name.lower()), "v1")

    def answer(request):
        talk = conv_templates[template].copy()
        for index, turn in enumerate(request["turns"]):
            text = turn["text"] if index else f"{DEFAULT_IMAGE_TOKEN}\n{turn['text']}"
            talk.append_message(talk.roles[turn["role"] == "assistant"], text)
        talk.append_message(talk.roles[1], None)
        ids = tokenizer_image_token(
            talk.get_prompt(), tokenizer, IMAGE_TOKEN_INDEX, return_tensors="pt"
        )
        images = [Image.open(path).convert("RGB") for path in request["images"]]
        pixels = process_images(images, processor, model.config).to(device, torch.float16)
        limit = request["max_tokens"]
        with torch.inference_mode():
            written = model.generate(
                ids[None].to(device), images=pixels, do_sample=False, max_new_tokens=limit
            )[0]
        return reply(tokenizer.decode(written, skip_special_tokens=True), len(written), limit)

    return answer


if __name__ == "__main__":
    serve(load)
