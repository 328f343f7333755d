"""Runner of LLaVA-Med v1.5, after ``llava/eval/model_vqa.py`` of its repository.

LLaVA's builder tells models apart by their name, so the name is given whatever the folder's is.
Its ``generate`` returns the new tokens alone.
"""

from loop import reply, serve

NAME, TEMPLATE = "llava-med-v1.5-mistral-7b", "mistral_instruct"


def load(given):
    """The model by LLaVA's own builder, from a local folder."""
    import torch
    from llava.constants import DEFAULT_IMAGE_TOKEN, IMAGE_TOKEN_INDEX
    from llava.conversation import conv_templates
    from llava.mm_utils import process_images, tokenizer_image_token
    from llava.model.builder import load_pretrained_model
    from PIL import Image

    tokenizer, model, processor, _ = load_pretrained_model(
        given.weights, None, NAME, device=given.device
    )

    def answer(request):
        talk = conv_templates[TEMPLATE].copy()
        for index, turn in enumerate(request["turns"]):
            text = turn["text"] if index else DEFAULT_IMAGE_TOKEN + "\n" + turn["text"]
            talk.append_message(talk.roles[turn["role"] == "assistant"], text)
        talk.append_message(talk.roles[1], None)
        prompt = talk.get_prompt()
        ids = tokenizer_image_token(prompt, tokenizer, IMAGE_TOKEN_INDEX, return_tensors="pt")
        image = Image.open(request["images"][0]).convert("RGB")
        pixels = process_images([image], processor, model.config)[0][None].half()
        limit = request["max_tokens"]
        with torch.inference_mode():
            written = model.generate(
                ids[None].to(given.device),
                images=pixels.to(given.device),
                do_sample=False,
                max_new_tokens=limit,
                use_cache=True,
            )[0]
        return reply(tokenizer.decode(written, skip_special_tokens=True), len(written), limit)

    return answer


if __name__ == "__main__":
    serve(load)
