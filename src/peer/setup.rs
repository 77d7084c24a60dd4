//! The layers' configurations, made from the connection's.

use super::config::Config;
use crate::crypto::Certificate;
use crate::crypto::srtp_keys::SrtpProfile;
use crate::{data, dtls, ice};

/// What ICE is to do.
pub(crate) fn ice_config(config: &Config) -> ice::Config {
    let ice = ice::Config::new().lite(config.ice_lite).pair_limit(config.max_candidate_pairs).mtu(config.mtu);
    match config.ice_pacing {
        Some(interval) => ice.pacing(interval),
        None => ice,
    }
}

/// What DTLS is to do. No cookie: ICE has proved the path before a `ClientHello` is looked at.
pub(crate) fn dtls_config(config: &Config, certificate: &Certificate) -> dtls::Config {
    let mut dtls = dtls::Config::new(certificate.clone());
    dtls.mtu = config.mtu;
    dtls.extended_master_secret_required = config.extended_master_secret_required;
    // Offered although no media is negotiated yet: a section that is added later needs keys, and DTLS has no second handshake.
    dtls.srtp_profiles =
        vec![SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm, SrtpProfile::Aes128CmSha1_80];
    dtls
}

/// What SCTP and the data channels are to do.
pub(crate) fn data_config(config: &Config) -> data::Config {
    let mut data = data::Config { max_channels: config.max_data_channels, ..data::Config::default() };
    data.sctp.receive_window = config.receive_window;
    data.sctp.max_receive_message_size = config.max_message_size;
    data.sctp.send_limit = config.max_buffered_amount;
    data
}
