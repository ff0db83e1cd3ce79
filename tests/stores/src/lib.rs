//! Reference apps of the adapters over real servers: see `tests`.
