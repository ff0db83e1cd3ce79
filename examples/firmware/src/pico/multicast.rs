//! The W5500 takes frames for groups as well. Its driver switches on a filter that drops them, and with them every question for
//! the device's name (mDNS). This is the bus between both, where that bit is taken out. The network stack drops what is for others.

use embedded_hal_async::spi::{ErrorType, Operation, SpiDevice};

/// The bus.
pub(crate) struct WithGroups<B>(pub(crate) B);

/// The address of the mode of socket 0, and that it is written.
const MODE: [u8; 2] = [0, 0];
const WRITE: [u8; 1] = [0b0000_1100];
/// Of the mode: only frames for this device and for all (MFEN).
const FILTER: u8 = 0x80;

impl<B: ErrorType> ErrorType for WithGroups<B> {
    type Error = B::Error;
}

impl<B: SpiDevice> SpiDevice for WithGroups<B> {
    async fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), B::Error> {
        if let [Operation::Write(to), Operation::Write(how), Operation::Write(value)] = operations
            && (**to == MODE && **how == WRITE)
            && let [asked] = **value
        {
            let mode = [asked & !FILTER];
            return self
                .0
                .transaction(&mut [Operation::Write(to), Operation::Write(how), Operation::Write(&mode)])
                .await;
        }
        self.0.transaction(operations).await
    }
}
