"""DICOM images: windows, significant bits, MONOCHROME1, padding, color."""

from __future__ import annotations

import numpy as np
import pytest

from ldpf.data import read_image
from ldpf.data.images import UnreadableImageError, check_images

pydicom = pytest.importorskip("pydicom")
FileDataset, FileMetaDataset = pydicom.dataset.FileDataset, pydicom.dataset.FileMetaDataset


@pytest.fixture
def dicom(tmp_path):
    """A function that writes pixels with further attributes, and gives the file."""

    def write(pixels, bits=None, **attributes):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
        meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        file = tmp_path / "scan.dcm"
        data = FileDataset(file, {}, file_meta=meta, preamble=b"\0" * 128)
        data.Rows, data.Columns = pixels.shape[:2]
        data.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
        data.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
        if pixels.ndim == 3:
            data.PlanarConfiguration = 0
        data.BitsAllocated = pixels.dtype.itemsize * 8
        data.BitsStored = bits or data.BitsAllocated
        data.HighBit = data.BitsStored - 1
        data.PixelRepresentation = int(pixels.dtype.kind == "i")
        for name, value in attributes.items():
            setattr(data, name, value)
        data.PixelData = pixels.tobytes()
        data.save_as(file, enforce_file_format=True)
        return file

    return write


def gray(file):
    return np.asarray(read_image(file))[..., 0].tolist()


TWELVE = np.array([[0, 2048], [4095, 1024]], np.uint16)


@pytest.mark.slow
def test_twelve_bits_in_sixteen_use_the_whole_range(dicom):
    assert gray(dicom(TWELVE, bits=12)) == [[0, 128], [255, 64]]


def test_monochrome1_is_inverted(dicom):
    file = dicom(TWELVE, bits=12, PhotometricInterpretation="MONOCHROME1")
    assert gray(file) == [[255, 127], [0, 191]]


def test_the_window_counts_after_slope_and_intercept(dicom):
    stored = np.array([[0, 1024], [1064, 4000]], np.uint16)
    file = dicom(
        stored, bits=12, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=81
    )
    # Hounsfield -1024, 0, 40, 2976; the window runs from 39.5 - 40 = -0.5 to 79.5.
    assert gray(file) == [[0, 2], [129, 255]]


def test_the_window_agrees_with_pydicom(dicom):
    from pydicom.pixels import apply_windowing

    stored = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    file = dicom(stored, bits=12, WindowCenter=[1000, 5], WindowWidth=[1500, 7])
    reference = apply_windowing(stored, pydicom.dcmread(file)) / 4095 * 255
    assert np.abs(np.array(gray(file)) - reference).max() <= 0.5 + 1e-9


def test_signed_values_run_from_the_least_to_the_greatest_and_padding_is_black(dicom):
    stored = np.array([[-2000, -1000], [0, 1000]], np.int16)
    assert gray(dicom(stored, PixelPaddingValue=-2000)) == [[0, 0], [128, 255]]


def test_padding_of_an_inverted_image_is_black_too(dicom):
    stored = np.array([[0, 100], [2000, 4095]], np.uint16)
    file = dicom(stored, bits=12, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0)
    assert gray(file)[0][0] == 0 and gray(file)[1][1] == 0 and gray(file)[0][1] > 240


def test_color_stays_color(dicom):
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0] = (200, 100, 50)
    assert np.asarray(read_image(dicom(pixels)))[0, 0].tolist() == [200, 100, 50]


def test_the_first_frame_of_several_is_read(dicom):
    frames = np.stack([np.full((4, 6), 10, np.uint8), np.full((4, 6), 90, np.uint8)])
    file = dicom(
        frames,
        Rows=4,
        Columns=6,
        SamplesPerPixel=1,
        NumberOfFrames=2,
        PhotometricInterpretation="MONOCHROME2",
    )
    image = read_image(file)
    assert image.size == (6, 4) and image.getpixel((0, 0)) == (10, 10, 10)


def test_a_file_without_an_image_is_bad(dicom, tmp_path):
    file = dicom(TWELVE)
    data = pydicom.dcmread(file)
    del data.PixelData
    data.Modality = "SR"
    data.save_as(file)
    (bad,) = check_images([file])
    assert "a DICOM file without an image (modality SR)" in bad.reason


def test_too_many_pixels_are_refused_before_they_are_decoded(dicom):
    file = dicom(TWELVE)
    data = pydicom.dcmread(file)
    data.Rows = data.Columns = 30_000
    data.save_as(file)
    with pytest.raises(UnreadableImageError, match="900,000,000 pixels, above the limit"):
        read_image(file)
