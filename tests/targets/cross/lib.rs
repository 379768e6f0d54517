//! This library is empty. The tests are those of core's public API.
