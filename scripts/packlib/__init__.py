"""Makes kernel packs from Debian's kernel packages."""
