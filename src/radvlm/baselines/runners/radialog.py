"""Runner of RaDialog v2: its classifier's findings stand in the prompt of a report.

After ``demo.py`` of ChantalMP/RaDialog_v2 at e5c07f8, whose code is no package and lies beside the
environment (``PYTHONPATH``): LLaVA's builder with BioViL-T for the language model, and a
classifier of the fourteen CheXpert labels.
"""

from loop import reply, serve

FINDINGS = "{findings}"
NAME = "llava-v1.5-7b-task-lora_radialog_instruct_llava_biovil_unfrozen_2e-5_5epochs_v5_checkpoint-21000"
CLASSIFIER = "findings_classifier/checkpoints/chexpert_train/ChexpertClassifier.ckpt"
LABELS = [
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion",
    "Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Pleural Other", "Fracture", "Support Devices",
]  # fmt: skip


def load(given):
    """The model, which adapts LLaVA 1.5 7B (``--base``), and its classifier, from local folders."""
    import pathlib

    import numpy as np
    import torch
    from findings_classifier.chexpert_train import ExpandChannels, LitIGClassifier
    from LLAVA.llava.constants import IMAGE_TOKEN_INDEX
    from LLAVA.llava.conversation import conv_vicuna_v1
    from LLAVA.llava.mm_utils import process_image_biovil, tokenizer_image_token
    from LLAVA.llava.model.builder import load_pretrained_model
    from PIL import Image
    from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor

    folder = pathlib.Path(given.weights)
    tokenizer, model, _, _ = load_pretrained_model(folder, model_base=given.base, model_name=NAME)
    model.config.tokenizer_model_max_length = None
    classifier = LitIGClassifier.load_from_checkpoint(
        folder / CLASSIFIER, num_classes=len(LABELS), class_names=LABELS, strict=False
    )
    classifier = classifier.eval().to(given.device).half()
    seen = Compose([Resize(512), CenterCrop(488), ToTensor(), ExpandChannels()])
    shown = Compose([Resize(512), CenterCrop(448), ToTensor(), ExpandChannels()])

    def opened(path):
        grey = np.asarray(Image.open(path).convert("L"), dtype=float)
        grey -= grey.min()
        return Image.fromarray((255 * grey / max(grey.max(), 1)).astype(np.uint8)).convert("L")

    def findings(image):
        odds = torch.sigmoid(classifier(seen(image)[None].half().to(given.device)))[0]
        return ", ".join(n for n, odd in zip(LABELS, odds.tolist()) if odd > 0.5).lower()

    def answer(request):
        image = opened(request["images"][0])
        pixels = process_image_biovil([image], shown).to(model.device, dtype=torch.bfloat16)
        talk = conv_vicuna_v1.copy()
        talk.messages = []
        for index, turn in enumerate(request["turns"]):
            text = turn["text"]
            if FINDINGS in text:
                text = text.replace(FINDINGS, findings(image))
            said_by = talk.roles[turn["role"] == "assistant"]
            talk.append_message(said_by, text if index else f"<image>. {text}")
        talk.append_message(talk.roles[1], None)
        prompt = talk.get_prompt()
        ids = tokenizer_image_token(prompt, tokenizer, IMAGE_TOKEN_INDEX, return_tensors="pt")
        limit = request["max_tokens"]
        with torch.inference_mode():
            written = model.generate(
                ids[None].to(model.device), images=pixels, do_sample=False, max_new_tokens=limit
            )[0]
        new = written[len(ids) :]
        return reply(tokenizer.decode(new, skip_special_tokens=True), len(new), limit)

    return answer


if __name__ == "__main__":
    serve(load)
