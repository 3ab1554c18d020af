"""Which 16-bit numbers a device multiplies in hardware; elsewhere float32 is as fast or faster."""

import platform
import warnings

import torch

__all__ = ["has_fast", "warn_of_slow"]

_X86 = ("x86_64", "AMD64", "i386", "i686")

_X86_UNITS = {
    torch.bfloat16: ("avx512_bf16", "amx_bf16", "amx_tile"),
    torch.float16: ("avx512_fp16", "amx_fp16"),
}
"""What PyTorch calls the instructions; any one of them does."""


def has_fast(dtype: torch.dtype, device: torch.device) -> bool:
    """Say whether a device is known to multiply matrices of `dtype` in hardware; this is looked up, never timed."""
    if dtype == torch.float32:
        return True
    if device.type == "cpu":
        return _onednn_takes(dtype) and (platform.machine() not in _X86 or _cpu_has(_X86_UNITS[dtype]))
    if device.type != "cuda":
        return False  # not known
    if dtype == torch.float16:
        return True
    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


def warn_of_slow(dtype: torch.dtype, device: torch.device) -> None:
    """Warn where a precision that was asked for is slower than float32 on this device."""
    if device.type in ("cpu", "cuda") and not has_fast(dtype, device):
        name = str(dtype).removeprefix("torch.")
        warnings.warn(
            f"this device ({device.type}) has no instructions for {name}, which may be many times slower than float32; "
            "use --dtype float32 unless memory is short.",
            stacklevel=3,
        )


def _onednn_takes(dtype: torch.dtype) -> bool:
    """Whether PyTorch's matrix products on a CPU know the type; without oneDNN (macOS) none but float32 is fast."""
    if not torch.backends.mkldnn.is_available():
        return False
    known = torch.ops.mkldnn
    return known._is_mkldnn_bf16_supported() if dtype == torch.bfloat16 else known._is_mkldnn_fp16_supported()


def _cpu_has(units: tuple[str, ...]) -> bool:
    """Whether an x86 processor has one of these; oneDNN alone also accepts types that it has to convert."""
    if hasattr(torch.cpu, "get_capabilities"):
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(unit, False) for unit in units)
    return any(getattr(torch.cpu, f"_is_{unit}_supported", bool)() for unit in units)
