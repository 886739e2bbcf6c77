"""Scans and masks that are objects in memory: arrays, and images of SimpleITK and nibabel."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from medpaint.core.encoding import Encoding
from medpaint.core.errors import GeometryError, InputError, UnsupportedError, UsageError
from medpaint.core.geometry import LPS_TO_RAS, spacing_of
from medpaint.core.text import escaped, short_repr
from medpaint.core.types import Affine, Array
from medpaint.core.volume import Volume
from medpaint.io.nifti_forms import FormsFound

__all__ = ["Given", "given", "nibabel_image", "path_of", "sitk_image"]

_READABLE: Final = "a path, a Volume, an array of numbers, or an image of SimpleITK or nibabel"


@dataclass(frozen=True, eq=False)
class Given:
    """A scan or mask from memory.

    Attributes:
        values: stored values, (I, J, K), in the machine's byte order.
        affine: voxel index to RAS+ millimetres, (4, 4); None for an array, which does not say where it is.
        slope: of the stored values.
        intercept: likewise.
        image: the image that the caller has; None for an array.
        positions: where its header says that the voxels are, see `medpaint.io.source.Source.positions`.
        facts: of the header.
        warnings: what was noticed, a sentence each.
    """

    values: Array
    affine: Affine | None = None
    slope: float = 1.0
    intercept: float = 0.0
    image: Any = None
    positions: Mapping[str, Affine] = field(default_factory=dict)
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def volume(self) -> Volume:
        """Return it as a scan, an array on a 1 mm grid."""
        encoding = Encoding.of(self.values.dtype, slope=self.slope, intercept=self.intercept)
        return Volume(self.values, np.eye(4) if self.affine is None else self.affine, encoding)


def path_of(value: object, argument: str) -> Path | None:
    """Return a path that a caller gave; None for anything that is not one.

    Raises:
        UsageError: a path that no file can have.
    """
    if not isinstance(value, str | os.PathLike):
        return None
    name = os.fsdecode(value)
    if "\0" in name:
        message = f"{argument}: expected a path, got one with a null character: {short_repr(name)}"
        raise UsageError(message)
    return Path(name)


def given(value: object, argument: str) -> Given:
    """Return a scan or mask that a caller gave, other than by its path.

    Args:
        value: a `Volume`, an array or what numpy makes one of, or an image of SimpleITK or nibabel.
        argument: its name, for messages.

    Raises:
        UsageError: anything else, or its meaning is not clear.
        InputError: it is not one volume of real numbers.
    """
    if isinstance(value, Volume):
        plain = value.encoding.is_identity
        return Given(value.data if plain else value.intensities(), value.affine)
    for module, (kind, read) in _IMAGES.items():
        loaded = sys.modules.get(module)  # whoever has such an image has loaded its module
        if loaded is not None and isinstance(value, getattr(loaded, kind)):
            found = read(value, argument)
            break
    else:
        found = Given(_as_array(value, argument))
    return replace(found, values=_as_volume(found.values, argument))


def _as_volume(values: Array, argument: str) -> Array:
    """Return values as (I, J, K), in the machine's byte order, and refuse what cannot be a scan or mask."""
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim == 2:
        values = values[..., np.newaxis]
    if values.ndim != 3 or 0 in values.shape:
        message = (
            f"{argument}: expected one volume, (I, J, K), or one slice, (I, J), none of them empty, got shape "
            f"{values.shape}"
        )
        raise GeometryError(message)
    if values.dtype.kind not in ("biuf" if argument == "mask" else "iuf") or values.dtype.itemsize > 8:
        message = f"{argument}: expected real numbers of at most 64 bits, got values of type {values.dtype}"
        raise UnsupportedError(message)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _as_array(value: object, argument: str) -> Array:
    """Return what numpy makes of a value."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.getmaskarray(value).any():
            message = f"{argument}: expected an array without masked values: fill them (.filled(0)) first"
            raise UsageError(message)
        value = value.data
    if getattr(value, "affine", None) is not None:
        message = f"{argument}: expected {_READABLE}, got {kind}: pass medpaint.Volume.of(array, affine) instead"
        raise UsageError(message)
    try:
        array = np.asarray(_from_tensor(value))
    except (ValueError, TypeError, RuntimeError, OverflowError, NotImplementedError) as error:
        message = f"{argument}: expected {_READABLE}, got {kind} that is not an array: {escaped(str(error))}"
        raise UsageError(message) from error
    if array.dtype.kind not in "biufc" or array.ndim == 0:
        of = f" of {array.dtype.name} values" if array.ndim else ""
        message = f"{argument}: expected {_READABLE}, got {kind}{of}"
        raise UsageError(message)
    return array


def _from_tensor(value: Any) -> Any:  # noqa: ANN401 - anything that a caller may give
    """Return a tensor of torch as an array; anything else as it is."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return value
    if value.device.type == "meta":
        message = "it has no values (device meta)"
        raise ValueError(message)
    dense = value.detach().to_dense() if value.is_sparse else value.detach()
    values = dense.cpu().resolve_conj().resolve_neg()
    return values.float() if values.dtype == torch.bfloat16 else values


def _from_nibabel(image: Any, argument: str) -> Given:  # noqa: ANN401 - nibabel is not imported here
    """Return the stored values of an image of nibabel; a NIfTI image's header is checked like a file's."""
    import nibabel as nib

    if image.affine is None:
        message = f"{argument}: expected an image with an affine, got none: say where its voxels are"
        raise GeometryError(message)
    forms = FormsFound(np.asarray(image.affine, np.float64), {})
    if isinstance(image, nib.Nifti1Pair):
        from medpaint.io.nifti_image import forms_in_memory

        forms = forms_in_memory(image, argument)
    proxy, slope, intercept = image.dataobj, 1.0, 0.0
    try:
        if hasattr(proxy, "get_unscaled") and np.ndim(proxy.slope) == np.ndim(proxy.inter) == 0:
            values, slope, intercept = np.asarray(proxy.get_unscaled()), float(proxy.slope), float(proxy.inter)
        else:
            values = np.asarray(proxy)
    except (OSError, EOFError, ValueError) as error:
        message = f"{argument}: the image's voxels cannot be read: {escaped(str(error))}"
        raise InputError(message) from error
    return Given(
        values, forms.affine, slope, intercept, image, forms.positions, forms.facts, warnings=forms.warnings
    )


def _from_sitk(image: Any, argument: str) -> Given:  # noqa: ANN401 - SimpleITK is not imported here
    """Return the values of an image of SimpleITK."""
    import SimpleITK

    ndim = image.GetDimension()
    if image.GetNumberOfComponentsPerPixel() != 1 or ndim not in {2, 3}:
        what = f"{ndim}D, {image.GetNumberOfComponentsPerPixel()} values per voxel"
        message = f"{argument}: expected an image of one value per voxel in 2D or 3D, got {what}"
        raise UnsupportedError(message)
    axes = np.eye(3)
    axes[:ndim, :ndim] = np.reshape(image.GetDirection(), (ndim, ndim)) * image.GetSpacing()
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:ndim, 3] = image.GetOrigin()
    return Given(SimpleITK.GetArrayFromImage(image).T, LPS_TO_RAS @ affine, image=image)


_IMAGES: Final[Mapping[str, tuple[str, Callable[[Any, str], Given]]]] = MappingProxyType(
    {"SimpleITK": ("Image", _from_sitk), "nibabel.spatialimages": ("SpatialImage", _from_nibabel)}
)
"""The images that are taken: the module that has their type, its name there, and how it is read."""


def nibabel_image(volume: Volume, like: Any = None) -> Any:  # noqa: ANN401 - nibabel has no types
    """Return a volume as a NIfTI image of nibabel.

    Stored values keep their type and scaling, except for a scaling that differs from slice to slice: then the
    image has the intensities. NIfTI-1 stores slope and intercept as float32.

    Args:
        volume: what the image is to have.
        like: the image that the volume came from; a NIfTI image gives its header and version. Other classes of
            nibabel come back as `Nifti1Image`, with the place of the volume.
    """
    import nibabel as nib

    encoding = volume.encoding
    uniform = encoding.slope.ndim == encoding.intercept.ndim == 0
    data = volume.data if uniform else volume.intensities()
    data = np.array(data, np.float32) if data.dtype == np.float16 else np.array(data)
    kind: Any = nib.Nifti1Image
    if isinstance(like, nib.Nifti1Pair):
        single = nib.Nifti2Image if isinstance(like, nib.Nifti2Pair) else nib.Nifti1Image
        kind = type(like) if isinstance(like, nib.Nifti1Image) else single
        image = kind(data.reshape(like.shape, order="F"), like.affine, like.header, like.extra, dtype=data.dtype)
    else:
        image = kind(data, volume.affine, dtype=data.dtype)
        image.header.set_xyzt_units("mm")
    if not uniform or encoding.is_identity:
        return image
    image.header.set_slope_inter(float(encoding.slope), float(encoding.intercept))
    return kind.from_bytes(image.to_bytes())  # so that its dataobj scales the stored values


def sitk_image(volume: Volume, like: Any = None) -> Any:  # noqa: ANN401 - SimpleITK has no types
    """Return a volume as an image of SimpleITK; of intensities where the stored values are scaled.

    Args:
        volume: what the image is to have.
        like: the image that the volume came from; it gives its geometry and metadata, bit for bit.
    """
    import SimpleITK

    data = volume.data if volume.encoding.is_identity else volume.intensities()
    data = data.astype(np.float32) if data.dtype == np.float16 else data
    flat = like is not None and like.GetDimension() == 2
    image: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray((data[..., 0] if flat else data).T))
    if like is not None:
        image.CopyInformation(like)
        for key in like.GetMetaDataKeys():
            image.SetMetaData(key, like.GetMetaData(key))
        return image
    affine = LPS_TO_RAS @ volume.affine
    spacing = spacing_of(affine)
    image.SetSpacing(spacing)
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return image
