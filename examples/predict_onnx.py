"""Classify images with a model exported by `ldpf export`. Needs numpy, pillow and onnxruntime.

python predict_onnx.py model.onnx image.jpg ...
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(sys.argv[1])
about = json.loads(session.get_modelmeta().custom_metadata_map["ldpf"])
steps = about["preprocessing"]
for path in sys.argv[2:]:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")  # as the camera was held
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    size, edge = steps["resize"], steps["resize"].get("shortest_edge")
    short = min(image.size)
    shape = [int(s * edge / short) for s in image.size] if edge else (size["width"], size["height"])
    image = image.resize(shape, steps["interpolation"])
    if steps["center_crop"]:
        height, width = steps["center_crop"]
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    pixels = np.asarray(image, dtype=np.float32) * np.float32(steps["scale"])
    pixels = (pixels - np.float32(steps["mean"])) / np.float32(steps["std"])
    probabilities, weights = session.run(None, {"pixels": pixels.transpose(2, 0, 1)[None]})
    best = probabilities[0].argmax()
    print(path, about["class_names"][best], f"{probabilities[0, best]:.4f}", weights[0].round(4))
