//! A connection to a service, over a stream in memory and with a clock that does not wait.

use std::net::IpAddr;

use ably_auth_server::Service;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::runtime::Builder;

use crate::doors;

/// The bytes that the stream holds in each direction.
const BUFFER: usize = 16 * 1024;

/// Sends `pieces`, closes the sending side, and returns all bytes that the service sends until it closes the connection.
pub fn exchange(service: &Service, client: IpAddr, pieces: &[&[u8]]) -> Vec<u8> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (near, far) = duplex(BUFFER);
        let serving = tokio::spawn(doors::serve(service.clone(), far, client));
        let (mut input, mut output) = tokio::io::split(near);
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let sending = tokio::spawn(async move {
            for piece in pieces {
                // The service closes the connection after an invalid request.
                if output.write_all(&piece).await.is_err() {
                    break;
                }
                // The service reads the piece before the next one is sent.
                tokio::task::yield_now().await;
            }
            let _ = output.shutdown().await;
        });
        let mut received = Vec::new();
        let _ = input.read_to_end(&mut received).await;
        serving.await.unwrap();
        sending.await.unwrap();
        received
    })
}
