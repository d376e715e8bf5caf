// ACPI Machine Language: terms, and the resource descriptors that are put into them, as bytes (ACPI 6.3, 20 and 6.4).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace beeline::board::aml {

using Bytes = std::vector<uint8_t>;

/// Values that are put one after the other, the low byte of each first.
class Writer {
public:
    Writer& u8(uint64_t value) { return number(value, 1); }
    Writer& u16(uint64_t value) { return number(value, 2); }
    Writer& u32(uint64_t value) { return number(value, 4); }
    Writer& u64(uint64_t value) { return number(value, 8); }
    Writer& zeros(size_t count);
    Writer& text(std::string_view text);
    Writer& bytes(std::span<const uint8_t> bytes);
    size_t size() const { return bytes_.size(); }
    Bytes take() { return std::move(bytes_); }

private:
    Writer& number(uint64_t value, unsigned size);
    Bytes bytes_;
};

Bytes join(std::initializer_list<Bytes> parts);

// ---- Terms (20.2) ---------------------------------------------------------------------------------------------

/// One name, or \ and one name; four characters at most.
Bytes path(std::string_view name);
Bytes integer(uint64_t value);
Bytes string(std::string_view text);
Bytes buffer(const Bytes& contents);
Bytes package(std::span<const Bytes> elements);
Bytes uuid(std::string_view text);

Bytes name(std::string_view name, const Bytes& value);
Bytes scope(std::string_view name, const Bytes& body);
Bytes device(std::string_view name, const Bytes& body);
Bytes method(std::string_view name, unsigned arguments, const Bytes& body);

Bytes argument(unsigned number);
Bytes local(unsigned number);
Bytes store(const Bytes& value, const Bytes& target);
/// target = left & right
Bytes mask(const Bytes& left, const Bytes& right, const Bytes& target);
/// target |= value
Bytes set_bits(const Bytes& target, const Bytes& value);
Bytes equal(const Bytes& left, const Bytes& right);
Bytes negate(const Bytes& condition);
Bytes when(const Bytes& condition, const Bytes& body);
Bytes otherwise(const Bytes& body);
Bytes dword_field(const Bytes& buffer, uint64_t offset, std::string_view name);
Bytes notify(std::string_view object, uint64_t value);
Bytes give(const Bytes& value); ///< Return

// ---- Resources (6.4) ------------------------------------------------------------------------------------------

/// What a device consumes or produces, ended as it has to be.
Bytes resources(std::initializer_list<Bytes> descriptors);
Bytes memory32(uint64_t base, uint64_t size);
/// Level-triggered, active high; by its GSIV.
Bytes interrupt(uint32_t number);
Bytes bus_numbers(uint64_t count);
/// Windows of a bridge: `base` on its secondary side; the CPU finds it `translation` further up.
Bytes memory32_window(uint64_t base, uint64_t size);
Bytes memory64_window(uint64_t base, uint64_t size);
Bytes port_window(uint64_t base, uint64_t size, uint64_t translation);
/// A rising edge at a line of the GPIO controller `source`.
Bytes gpio_interrupt(unsigned line, std::string_view source);

} // namespace beeline::board::aml
