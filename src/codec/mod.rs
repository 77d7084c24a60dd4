//! Payload formats: frames <-> RTP payloads. No state beyond what a format itself carries, no time.
