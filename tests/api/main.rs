//! The local API over a real node and real HTTP.
