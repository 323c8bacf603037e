"""One file per sign; see `ldpf.doctor.base`."""
