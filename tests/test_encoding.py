from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest
import torch
from conftest_access import write_image

from ldpf.data import iter_image_files, read_image
from ldpf.encoding import encode_files, stream_features
from ldpf.errors import BackboneError, SettingsError
