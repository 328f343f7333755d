"""Runner of CheXagent-2-3b, after the example of its model card; brings code of its own."""

from loop import reply, serve


def load(given):
    """The model in bfloat16; images are named in the text, as its tokenizer wants them."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    pinned = {"revision": given.revision, "trust_remote_code": True}
    tokenizer = AutoTokenizer.from_pretrained(given.weights, **pinned)
    model = AutoModelForCausalLM.from_pretrained(
        given.weights, **pinned, torch_dtype=torch.bfloat16
    )
    model = model.to(given.device).eval()

    def answer(request):
        shown = [{"image": path} for path in request["images"]]
        asked = tokenizer.from_list_format([*shown, {"text": request["turns"][-1]["text"]}])
        said = [
            {"from": "system", "value": "You are a helpful assistant."},
            {"from": "human", "value": asked},
        ]
        ids = tokenizer.apply_chat_template(said, add_generation_prompt=True, return_tensors="pt")
        limit = request["max_tokens"]
        with torch.inference_mode():
            written = model.generate(
                ids.to(given.device),
                do_sample=False,
                num_beams=1,
                max_new_tokens=limit,
                use_cache=True,
            )[0]
        new = written[ids.shape[1] :]
        return reply(tokenizer.decode(new), len(new), limit)

    return answer


if __name__ == "__main__":
    serve(load)
