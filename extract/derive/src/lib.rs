//! The derive behind waylay-extract.
