//! What a search does code by code: counting the best, bitmaps of what may be found, tables, and what they cost.

pub mod bitmap;
pub mod costs;
pub mod strip;
pub mod tables;
pub mod top_k;
