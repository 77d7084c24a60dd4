//! The seams of congestion control: what an estimator is told and what it says.
