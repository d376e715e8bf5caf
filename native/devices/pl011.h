// Arm PrimeCell UART (PL011, DDI 0183).
#pragma once

#include "devices/device.h"
#include "devices/timer_queue.h"

#include <array>
#include <cstdint>

namespace beeline::devices {

/// The other end of the serial line. Called with the board lock held.
class SerialBackend {
public:
    virtual ~SerialBackend() = default;
    /// Takes a byte, always; writing while !can_transmit() makes the writer's CPU wait.
    virtual void transmit(uint8_t byte, unsigned cpu) = 0;
    virtual bool can_transmit() = 0;
    virtual bool can_receive() = 0;
    /// The next byte from the host; only when can_receive().
    virtual uint8_t receive() = 0;
};

/// Characters leave at once, so the transmit FIFO is empty unless the backend is full; then it reads as full.
/// Characters from the host wait in the backend, not in the wire: nothing is overrun.
class Pl011 final : public Device {
public:
    Pl011(InterruptLine line, SerialBackend& backend, TimerQueue& queue, VirtualClock& clock);

    bool read(const MmioAccess& access, uint64_t& value) override;
    bool write(const MmioAccess& access, uint64_t value) override;
    void reset() override;
    void exchange(snapshot::Archive& archive) override;

    /// The backend has bytes to receive.
    void receive_ready();
    /// The backend can take bytes again.
    void transmit_ready();

private:
    static constexpr unsigned kFifoDepth = 16;

    unsigned fifo_depth() const;
    unsigned receive_trigger() const;
    bool receiver_enabled() const;
    bool loopback() const;
    void push_received(uint16_t character);
    void fill_from_backend();
    uint16_t pop_received();
    void transmit(uint8_t byte, unsigned cpu);
    uint32_t flags() const;
    uint32_t modem_inputs() const;
    void raise(uint32_t interrupts);
    void clear(uint32_t interrupts);
    void update_receive_timeout();
    void set_control(uint32_t value);

    InterruptLine line_;
    SerialBackend& backend_;
    TimerQueue& queue_;
    VirtualClock& clock_;
    TimerQueue::Id receive_timeout_;

    std::array<uint16_t, kFifoDepth> fifo_{};
    unsigned fifo_head_ = 0, fifo_count_ = 0;
    uint32_t receive_status_ = 0;
    uint32_t low_power_ = 0, integer_baud_ = 0, fractional_baud_ = 0;
    uint32_t line_control_ = 0, control_ = 0, fifo_select_ = 0, dma_control_ = 0;
    uint32_t mask_ = 0, raw_ = 0;
};

} // namespace beeline::devices
