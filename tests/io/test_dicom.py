from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.encoders.base import get_encoder
from pydicom.pixels.processing import apply_voi_lut

from radvlm.errors import ImageError
from radvlm.io.dicom import dicom_header, read_dicom
from radvlm.io.image import image_size, read_image

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def make_dx(pixels: NDArray[Any], syntax: str = uid.ExplicitVRLittleEndian, **more: Any) -> Dataset:
    """A minimal DX object with these 12-bit pixels."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    found.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    found.SOPInstanceUID = "1.2.3"
    found.Rows, found.Columns = pixels.shape[:2]
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated, found.BitsStored, found.HighBit = 16, 12, 11
    found.PixelRepresentation = 0
    found.PixelData = pixels.tobytes()
    for name, value in more.items():
        setattr(found, name, value)
    if uid.UID(syntax).is_encapsulated:
        found.compress(syntax)
    found.file_meta.TransferSyntaxUID = uid.UID(syntax)
    return found


def saved(dataset: Dataset, folder: Path) -> Path:
    path = folder / "image with any name"
    dataset.save_as(path, enforce_file_format=True)
    return path


def _words(values: Iterable[int]) -> bytes:
    return np.array(list(values), dtype="<u2").tobytes()


def expected(values: NDArray[Any], low: float, high: float) -> NDArray[np.float64]:
    return np.rint(np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255)


def test_without_a_window_the_range_of_the_data_is_shown(tmp_path: Path) -> None:
    path = saved(make_dx(RAMP // 2 + 5), tmp_path)
    np.testing.assert_array_equal(read_image(path), expected(RAMP // 2, 0, 2047))
    assert image_size(path) == (64, 64)


def test_monochrome1_and_inverse_are_inverted_once(tmp_path: Path) -> None:
    plain = read_dicom(saved(make_dx(RAMP), tmp_path))
    for more in (
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PresentationLUTShape": "INVERSE"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    ):
        found = read_dicom(saved(make_dx(RAMP, **more), tmp_path))
        np.testing.assert_array_equal(found, 255 - plain)


@pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("slope", [1, 2.5])
@pytest.mark.parametrize("signed", [0, 1])
def test_windows_are_those_of_pydicom(
    tmp_path: Path, function: str | None, slope: float, signed: int
) -> None:
    pixels = (RAMP.astype(np.int16) - 2048) if signed else RAMP
    dataset = make_dx(
        pixels,
        PixelRepresentation=signed,
        RescaleSlope=slope,
        RescaleIntercept=-100,
        WindowCenter=[600, 50],
        WindowWidth=[900, 10],
    )
    if function:
        dataset.VOILUTFunction = function
    shown = apply_voi_lut(pixels.astype(float) * slope - 100, dataset)
    bottom, top = (-2048, 2047) if signed else (0, 4095)
    want = expected(shown, bottom * slope - 100, top * slope - 100)
    found = read_dicom(saved(dataset, tmp_path))
    assert np.abs(found - want).max() <= 1
    assert (found == want).mean() > 0.99


def test_the_linear_window_is_that_of_the_standard(tmp_path: Path) -> None:
    """PS3.3 C.11.2.1.2: ((x - (c - 0.5)) / (w - 1) + 0.5) of the output range."""
    dataset = make_dx(RAMP, WindowCenter=2048, WindowWidth=4096)
    want = np.rint(((RAMP - 2047.5) / 4095 + 0.5).clip(0, 1) * 255)
    np.testing.assert_array_equal(read_dicom(saved(dataset, tmp_path)), want)


def test_lookup_tables_come_before_windows(tmp_path: Path) -> None:
    modality, voi = Dataset(), Dataset()
    modality.LUTDescriptor, modality.LUTData = [4096, 0, 16], _words(range(0, 8192, 2))
    modality.ModalityLUTType = "US"
    voi.LUTDescriptor, voi.LUTData = [8192, 0, 11], _words(n // 4 for n in range(8192))
    dataset = make_dx(
        RAMP,
        ModalityLUTSequence=[modality],
        VOILUTSequence=[voi],
        WindowCenter=10,
        WindowWidth=10,
    )
    want = expected(2 * RAMP // 4, 0, (2 * 4096 - 1) // 4)
    np.testing.assert_array_equal(read_dicom(saved(dataset, tmp_path)), want)


@pytest.mark.parametrize(
    "syntax",
    [
        uid.ImplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.RLELossless,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
    ],
)
def test_every_lossless_encoding_shows_the_same(tmp_path: Path, syntax: str) -> None:
    if uid.UID(syntax).is_encapsulated and not get_encoder(syntax).is_available:
        pytest.skip(f"no encoder for {uid.UID(syntax).name}")
    plain = read_dicom(saved(make_dx(RAMP), tmp_path))
    path = saved(make_dx(RAMP, syntax), tmp_path)
    np.testing.assert_array_equal(read_dicom(path), plain)
    assert image_size(path) == (64, 64)


def test_colour_secondary_capture_becomes_luminance(tmp_path: Path) -> None:
    colours = np.zeros((2, 3, 3), np.uint8)
    colours[0, 0], colours[1, 2] = (255, 0, 0), (90, 90, 90)
    dataset = make_dx(
        colours,
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="RGB",
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
    )
    assert read_dicom(saved(dataset, tmp_path)).tolist() == [[76, 0, 0], [0, 0, 90]]


def test_pixels_that_are_not_square_are_kept(tmp_path: Path) -> None:
    found = read_dicom(saved(make_dx(RAMP[:32], PixelAspectRatio=[1, 2]), tmp_path))
    assert found.shape == (32, 64)


@pytest.mark.parametrize(
    ("more", "want"),
    [
        ({"ViewPosition": "PA", "PatientSex": "F", "PatientAge": "062Y"}, ("PA", "F", 62.0)),
        ({"ViewPosition": "LL", "PatientSex": "", "PatientAge": "006M"}, ("LATERAL", None, 0.5)),
        ({"ViewPosition": "RLO", "PatientAge": "62"}, ("OTHER", None, 62.0)),
        ({"PatientSex": "Jane", "PatientAge": "Doe, born 1950"}, ("UNKNOWN", None, None)),
        ({}, ("UNKNOWN", None, None)),
    ],
)
def test_the_header_says_view_sex_and_age(
    tmp_path: Path, more: dict[str, str], want: tuple[str, str | None, float | None]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        path = saved(make_dx(RAMP, PatientName="Doe^Jane", **more), tmp_path)
        warnings.simplefilter("error")
        header = dicom_header(path)
    assert (header.projection, header.sex, header.age) == want
    assert "Doe" not in repr(header)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"NumberOfFrames": 10_000}, "several frames"),
        ({"Rows": 60_000, "Columns": 60_000}, "60000 x 60000"),
        ({"Rows": 65}, "damaged or truncated"),
        ({"Rows": 0}, "no pixels"),
        ({"BitsAllocated": 32}, "unusual"),
        ({"WindowCenter": 5, "WindowWidth": 0}, "without width"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "palette"),
    ],
)
def test_what_cannot_be_shown_is_refused(tmp_path: Path, more: dict[str, Any], why: str) -> None:
    with pytest.raises(ImageError, match=why):
        read_dicom(saved(make_dx(RAMP, **more), tmp_path))


def test_objects_without_pixels_are_refused(tmp_path: Path) -> None:
    dataset = make_dx(RAMP)
    del dataset.PixelData
    with pytest.raises(ImageError, match="no pixels"):
        read_dicom(saved(dataset, tmp_path))
    plan = get_testdata_file("rtplan.dcm", download=False)
    with pytest.raises(ImageError, match="no picture"):
        read_dicom(Path(str(plan)))


def test_a_missing_decoder_names_the_extra(tmp_path: Path) -> None:
    dataset = make_dx(RAMP, uid.RLELossless)
    dataset.file_meta.TransferSyntaxUID = uid.MPEG2MPML
    with pytest.raises(ImageError, match=r"radvlm\[dicom\]"):
        read_dicom(saved(dataset, tmp_path))


def test_real_monochrome_twins_are_each_others_negative(real_cxr: Path) -> None:
    """The tag alone was edited, and a JPEG decoder stands as independent truth."""
    plain = read_image(real_cxr / "dicom/cr_pa_mono2_8bit_jpegbaseline.dcm")
    edited = read_image(real_cxr / "dicom/cr_pa_mono1_8bit_jpegbaseline_fake.dcm")
    np.testing.assert_array_equal(edited, 255 - plain)


def test_a_real_15_bit_radiograph_and_its_png_are_negatives(real_cxr: Path) -> None:
    """The PNG holds the stored values of the MONOCHROME1 object, so bone is dark there."""
    shown = Image.fromarray(read_image(real_cxr / "dicom/cr_pa_mono1_15bit_j2k_RG1.dcm"))
    stored = read_image(real_cxr / "originals/RG1_16bit.png").astype(float)
    small = np.asarray(shown.resize(stored.shape[::-1]), dtype=float)
    assert np.corrcoef(small.ravel(), stored.ravel())[0, 1] < -0.99
    dataset = pydicom.dcmread(real_cxr / "dicom/cr_pa_mono1_15bit_j2k_RG1.dcm")
    want = 255 - expected(dataset.pixel_array, 0, 30000)
    assert np.abs(np.asarray(shown, dtype=float) - want).max() <= 1
