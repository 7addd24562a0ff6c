//! One struct per HTTP request.
