import json  # python predict_onnx.py model.onnx image.jpg ...   (numpy, pillow and onnxruntime)
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(sys.argv[1])
about = json.loads(session.get_modelmeta().custom_metadata_map["ldpf"])
steps, (height, width) = about["preprocessing"], session.get_inputs()[0].shape[2:]
edge = steps["resize"].get("shortest_edge")


def head(path):
    with Path(path).open("rb") as file:
        return file.read(4096)


for path in sys.argv[2:]:
    opened = Image.open(path)
    tags = getattr(opened, "tag_v2", {})  # of a TIFF
    marked = {281, 42113} & {*tags} or tags.get(339, 1) not in (1, (1,)) or b"sBIT" in head(path)
    if opened.mode[0] in "IF" and (marked or ";16" not in opened.mode):
        sys.exit(f"{path}: values of this kind (signed, floats, no data) need 'ldpf predict'")
    image = ImageOps.exif_transpose(opened)  # as the camera was held
    if ";16" in image.mode:
        gray = np.uint8(np.array(image) / 257 + 0.5)
        image = Image.fromarray(255 - gray if tags.get(262) == 0 else gray)  # 0 may be white
    clear = image.convert("RGBA")
    if clear.getchannel("A").getextrema() == (0, 0):  # nothing to see: it means something else
        clear.putalpha(255)
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), clear)
    size = [s * edge // min(image.size) for s in image.size] if edge else (width, height)
    image = image.convert("RGB").resize(size, steps["interpolation"])
    pixels = np.float32(image)[(image.height - height) // 2 :, (image.width - width) // 2 :]
    p, weights = session.run(None, {"pixels": pixels[:height, :width].transpose(2, 0, 1)[None]})
    print(path, about["class_names"][p.argmax()], f"{p.max():.4f}", weights[0].round(4))
