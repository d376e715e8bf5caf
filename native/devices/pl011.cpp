#include "devices/pl011.h"

#include <utility>

namespace beeline::devices {

namespace {

constexpr uint64_t kDr = 0x00, kRsr = 0x04, kFr = 0x18, kIlpr = 0x20, kIbrd = 0x24, kFbrd = 0x28, kLcrH = 0x2C,
                   kCr = 0x30, kIfls = 0x34, kImsc = 0x38, kRis = 0x3C, kMis = 0x40, kIcr = 0x44, kDmacr = 0x48;

// UARTDR: error bits above the character.
constexpr uint16_t kOverrunError = 1u << 11;
// UARTFR
constexpr uint32_t kFrCts = 1, kFrDsr = 2, kFrDcd = 4, kFrBusy = 1u << 3, kFrRxfe = 1u << 4, kFrTxff = 1u << 5,
                   kFrRxff = 1u << 6, kFrTxfe = 1u << 7, kFrRi = 1u << 8;
constexpr uint32_t kModemInputs = kFrCts | kFrDsr | kFrDcd | kFrRi;
// UARTLCR_H
constexpr uint32_t kFen = 1u << 4;
// UARTCR
constexpr uint32_t kUarten = 1, kLbe = 1u << 7, kTxe = 1u << 8, kRxe = 1u << 9, kDtr = 1u << 10, kRts = 1u << 11,
                   kOut1 = 1u << 12, kOut2 = 1u << 13;
// Interrupts
constexpr uint32_t kIntRi = 1, kIntCts = 2, kIntDcd = 4, kIntDsr = 8, kIntRx = 1u << 4, kIntTx = 1u << 5,
                   kIntRt = 1u << 6, kIntOe = 1u << 10;
constexpr uint32_t kIntAll = 0x7FF;

constexpr uint32_t kControlReset = kTxe | kRxe;
constexpr uint32_t kFifoSelectReset = 0x12; ///< Both triggers at one half.

/// 32 bit periods at 115200 baud: how long after the last character the receive timeout comes.
constexpr uint64_t kReceiveTimeoutNanoseconds = 32 * 1'000'000'000ull / 115'200;

/// Revision r1p4, 16-deep FIFOs.
constexpr uint8_t kIdentification[8] = {0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

} // namespace

Pl011::Pl011(InterruptLine line, SerialBackend& backend, TimerQueue& queue, VirtualClock& clock)
    : line_(std::move(line)), backend_(backend), queue_(queue), clock_(clock),
      receive_timeout_(queue.add([this] { raise(fifo_count_ != 0 ? kIntRt : 0); })) {
    reset();
}

void Pl011::reset() {
    fifo_head_ = fifo_count_ = 0;
    receive_status_ = 0;
    low_power_ = integer_baud_ = fractional_baud_ = line_control_ = dma_control_ = 0;
    control_ = kControlReset;
    fifo_select_ = kFifoSelectReset;
    mask_ = raw_ = 0;
    queue_.disarm(receive_timeout_);
    line_.set(false);
}

unsigned Pl011::fifo_depth() const { return (line_control_ & kFen) != 0 ? kFifoDepth : 1; }

unsigned Pl011::receive_trigger() const {
    // UARTIFLS.RXIFLSEL in characters of 16; reserved encodings act as the deepest.
    constexpr unsigned kTriggers[8] = {2, 4, 8, 12, 14, 14, 14, 14};
    return (line_control_ & kFen) != 0 ? kTriggers[fifo_select_ >> 3 & 7] : 1;
}

bool Pl011::receiver_enabled() const { return (control_ & (kUarten | kRxe)) == (kUarten | kRxe); }
bool Pl011::loopback() const { return (control_ & kLbe) != 0; }

void Pl011::raise(uint32_t interrupts) {
    raw_ |= interrupts;
    line_.set((raw_ & mask_) != 0);
}

void Pl011::clear(uint32_t interrupts) {
    raw_ &= ~interrupts;
    line_.set((raw_ & mask_) != 0);
}

void Pl011::exchange(snapshot::Archive& archive) {
    line_.exchange(archive);
    queue_.exchange(archive, receive_timeout_);
    archive.values(fifo_);
    archive.at_most(fifo_head_, kFifoDepth - 1);
    archive.at_most(fifo_count_, kFifoDepth);
    for (uint32_t* value : {&receive_status_, &low_power_, &integer_baud_, &fractional_baud_, &line_control_, &control_,
                            &fifo_select_, &dma_control_, &mask_, &raw_})
        archive.value(*value);
}

// ---- Receiving --------------------------------------------------------------------------------------------------

void Pl011::push_received(uint16_t character) {
    if (fifo_count_ >= fifo_depth()) {
        receive_status_ |= kOverrunError >> 8;
        raise(kIntOe);
        return;
    }
    fifo_[(fifo_head_ + fifo_count_) % kFifoDepth] = character;
    fifo_count_++;
    if (fifo_count_ >= receive_trigger()) raise(kIntRx);
}

void Pl011::fill_from_backend() {
    if (!receiver_enabled() || loopback()) return;
    while (fifo_count_ < fifo_depth() && backend_.can_receive()) push_received(backend_.receive());
    // The line has gone quiet: no use in waiting for the timeout that a real line would need to notice.
    if (fifo_count_ != 0 && fifo_count_ < receive_trigger()) raise(kIntRt);
}

/// After the guest has cleared the timeout interrupt with characters left, it comes again.
void Pl011::update_receive_timeout() {
    if (fifo_count_ == 0) {
        queue_.disarm(receive_timeout_);
    } else if ((raw_ & kIntRt) == 0 && !queue_.armed(receive_timeout_)) {
        queue_.arm(receive_timeout_, clock_.now() + kReceiveTimeoutNanoseconds);
    }
}

uint16_t Pl011::pop_received() {
    // Guests may poll a UART that they never enabled: give them the host's bytes as they ask.
    if (fifo_count_ == 0 && !receiver_enabled() && !loopback() && backend_.can_receive()) return backend_.receive();
    if (fifo_count_ == 0) return 0;
    const uint16_t character = fifo_[fifo_head_];
    fifo_head_ = (fifo_head_ + 1) % kFifoDepth;
    fifo_count_--;
    // An overrun stays on record until the guest clears it; the other errors are the character's own.
    receive_status_ = (receive_status_ & kOverrunError >> 8) | (character >> 8 & 7);
    if (fifo_count_ < receive_trigger()) clear(kIntRx);
    if (fifo_count_ == 0) clear(kIntRt);
    fill_from_backend();
    update_receive_timeout();
    return character;
}

void Pl011::receive_ready() {
    fill_from_backend();
    update_receive_timeout();
}

// ---- Transmitting -----------------------------------------------------------------------------------------------

void Pl011::transmit(uint8_t byte, unsigned cpu) {
    // As on QEMU's board, output does not wait for the guest to set UARTEN: early consoles rely on it.
    if (loopback()) {
        push_received(byte);
        update_receive_timeout();
        raise(kIntTx);
        return;
    }
    backend_.transmit(byte, cpu);
    if (backend_.can_transmit()) raise(kIntTx);
}

void Pl011::transmit_ready() { raise(kIntTx); }

// ---- Modem lines ------------------------------------------------------------------------------------------------

/// In loopback the modem outputs feed the inputs (DDI 0183 3.3.8); outside, nothing is connected.
uint32_t Pl011::modem_inputs() const {
    if (!loopback()) return 0;
    return ((control_ & kRts) != 0 ? kFrCts : 0) | ((control_ & kDtr) != 0 ? kFrDsr : 0) |
           ((control_ & kOut1) != 0 ? kFrDcd : 0) | ((control_ & kOut2) != 0 ? kFrRi : 0);
}

void Pl011::set_control(uint32_t value) {
    const uint32_t before = modem_inputs();
    control_ = value & 0xFFFF;
    const uint32_t changed = (before ^ modem_inputs()) & kModemInputs;
    raise(((changed & kFrCts) != 0 ? kIntCts : 0) | ((changed & kFrDsr) != 0 ? kIntDsr : 0) |
          ((changed & kFrDcd) != 0 ? kIntDcd : 0) | ((changed & kFrRi) != 0 ? kIntRi : 0));
    receive_ready();
}

uint32_t Pl011::flags() const {
    uint32_t value = modem_inputs();
    const bool waiting_unclaimed = !receiver_enabled() && !loopback() && backend_.can_receive();
    if (fifo_count_ == 0 && !waiting_unclaimed) value |= kFrRxfe;
    if (fifo_count_ >= fifo_depth()) value |= kFrRxff;
    value |= loopback() || backend_.can_transmit() ? kFrTxfe : kFrTxff | kFrBusy;
    return value;
}

// ---- Registers --------------------------------------------------------------------------------------------------

bool Pl011::read(const MmioAccess& access, uint64_t& value) {
    value = 0;
    switch (access.offset & ~uint64_t{3}) {
    case kDr: value = pop_received(); break;
    case kRsr: value = receive_status_; break;
    case kFr: value = flags(); break;
    case kIlpr: value = low_power_; break;
    case kIbrd: value = integer_baud_; break;
    case kFbrd: value = fractional_baud_; break;
    case kLcrH: value = line_control_; break;
    case kCr: value = control_; break;
    case kIfls: value = fifo_select_; break;
    case kImsc: value = mask_; break;
    case kRis: value = raw_; break;
    case kMis: value = raw_ & mask_; break;
    case kDmacr: value = dma_control_; break;
    default: primecell_id(kIdentification, access.offset, value); break;
    }
    return true;
}

bool Pl011::write(const MmioAccess& access, uint64_t value) {
    const auto word = static_cast<uint32_t>(value);
    switch (access.offset & ~uint64_t{3}) {
    case kDr: transmit(static_cast<uint8_t>(value), access.cpu); break;
    case kRsr: receive_status_ = 0; break;
    case kIlpr: low_power_ = word & 0xFF; break;
    case kIbrd: integer_baud_ = word & 0xFFFF; break;
    case kFbrd: fractional_baud_ = word & 0x3F; break;
    case kLcrH:
        // Switching the FIFOs on or off empties them.
        if (((line_control_ ^ word) & kFen) != 0) {
            fifo_head_ = fifo_count_ = 0;
            clear(kIntRx | kIntRt);
        }
        line_control_ = word & 0xFF;
        receive_ready();
        break;
    case kCr: set_control(word); break;
    case kIfls:
        fifo_select_ = word & 0x3F;
        if (fifo_count_ != 0) raise(fifo_count_ >= receive_trigger() ? kIntRx : kIntRt);
        break;
    case kImsc:
        mask_ = word & kIntAll;
        raise(0);
        break;
    case kIcr:
        clear(word & kIntAll);
        update_receive_timeout();
        break;
    case kDmacr: dma_control_ = word & 7; break;
    default: break;
    }
    return true;
}

} // namespace beeline::devices
