"""Runner of LLaVA-Rad, after ``llava/eval/model_mimic_cxr.py`` of its repository.

Its weights adapt Vicuna 7B, which ``--base`` names. LLaVA's builder tells models apart by their
name, so the name is given whatever the folder's is. ``generate`` returns the prompt as well.
"""

from loop import reply, serve

NAME, TEMPLATE = "llavarad", "v1"


def load(given):
    """The model by LLaVA's own builder, from local folders."""
    import torch
    from llava.constants import DEFAULT_IMAGE_TOKEN, IMAGE_TOKEN_INDEX
    from llava.conversation import conv_templates
    from llava.mm_utils import tokenizer_image_token
    from llava.model.builder import load_pretrained_model
    from PIL import Image

    tokenizer, model, processor, _ = load_pretrained_model(
        given.weights, given.base, NAME, device=given.device
    )

    def answer(request):
        talk = conv_templates[TEMPLATE].copy()
        question = request["turns"][-1]["text"]
        talk.append_message(talk.roles[0], DEFAULT_IMAGE_TOKEN + "\n" + question)
        talk.append_message(talk.roles[1], None)
        prompt = talk.get_prompt()
        ids = tokenizer_image_token(prompt, tokenizer, IMAGE_TOKEN_INDEX, return_tensors="pt")
        image = Image.open(request["images"][0]).convert("RGB")
        pixels = processor.preprocess(image, return_tensors="pt")["pixel_values"].half()
        limit = request["max_tokens"]
        with torch.inference_mode():
            written = model.generate(
                ids[None].to(given.device),
                images=pixels.to(given.device),
                do_sample=False,
                num_beams=1,
                max_new_tokens=limit,
                use_cache=True,
            )[0]
        new = written[len(ids) :]
        return reply(tokenizer.decode(new, skip_special_tokens=True), len(new), limit)

    return answer


if __name__ == "__main__":
    serve(load)
