import json  # python predict_onnx.py model.onnx image.jpg ...   (numpy, pillow and onnxruntime)
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(sys.argv[1])
about = json.loads(session.get_modelmeta().custom_metadata_map["ldpf"])
steps, (height, width) = about["preprocessing"], session.get_inputs()[0].shape[2:]
edge = steps["resize"].get("shortest_edge")
for path in sys.argv[2:]:
    image = ImageOps.exif_transpose(Image.open(path))  # as the camera was held
    image = Image.fromarray(np.uint8(np.array(image) / 257 + 0.5)) if ";16" in image.mode else image
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    size = [s * edge // min(image.size) for s in image.size] if edge else (width, height)
    image = image.convert("RGB").resize(size, steps["interpolation"])
    pixels = np.float32(image)[(image.height - height) // 2 :, (image.width - width) // 2 :]
    p, weights = session.run(None, {"pixels": pixels[:height, :width].transpose(2, 0, 1)[None]})
    print(path, about["class_names"][p.argmax()], f"{p.max():.4f}", weights[0].round(4))
