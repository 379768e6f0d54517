//! Connections to Redis, over the system's network or a simulated one.

use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, RedisResult};

/// Opens a connection for requests. `timeout` is that of connecting, and of each response.
pub(super) async fn open(client: &Client, timeout: Duration) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(Some(timeout));
    #[cfg(not(simulation))]
    return client.get_multiplexed_async_connection_with_config(&config).await;
    #[cfg(simulation)]
    return simulated::open(client, timeout, config).await;
}

/// Opens a connection that receives events.
pub(super) async fn open_pub_sub(client: &Client) -> RedisResult<PubSub> {
    #[cfg(not(simulation))]
    return client.get_async_pubsub().await;
    #[cfg(simulation)]
    return simulated::open_pub_sub(client).await;
}

#[cfg(simulation)]
mod simulated {
    use std::io;
    use std::time::Duration;

    use redis::aio::{MultiplexedConnection, PubSub};
    use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisResult};

    use crate::simulation::network::{Stream, connect};

    pub(super) async fn open(
        client: &Client,
        timeout: Duration,
        config: AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let connecting = async {
            let stream = stream(client).await?;
            let settings = client.get_connection_info().redis_settings();
            MultiplexedConnection::new_with_config(settings, stream, config).await
        };
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let (connection, driver) = tokio::time::timeout(timeout, connecting).await.map_err(late)??;
        tokio::spawn(driver);
        Ok(connection)
    }

    pub(super) async fn open_pub_sub(client: &Client) -> RedisResult<PubSub> {
        let stream = stream(client).await?;
        PubSub::new(client.get_connection_info().redis_settings(), stream).await
    }

    async fn stream(client: &Client) -> io::Result<Box<dyn Stream>> {
        match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, _) => connect(host).await,
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
