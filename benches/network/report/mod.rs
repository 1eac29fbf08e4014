//! What is published of a run: a page with the table, and plots.

mod page;
mod plot;
mod results;
mod table;

pub use page::report;
