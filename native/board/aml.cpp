#include "board/aml.h"

#include <array>
#include <cstddef>
#include <utility>

namespace beeline::board::aml {

namespace {

// Opcodes (20.3).
constexpr uint8_t kZeroOp = 0x00, kOneOp = 0x01, kNameOp = 0x08, kBytePrefix = 0x0A, kWordPrefix = 0x0B,
                  kDWordPrefix = 0x0C, kStringPrefix = 0x0D, kQWordPrefix = 0x0E, kScopeOp = 0x10, kBufferOp = 0x11,
                  kPackageOp = 0x12, kMethodOp = 0x14, kRootChar = 0x5C, kExtOpPrefix = 0x5B, kDeviceOp = 0x82,
                  kLocal0Op = 0x60, kArg0Op = 0x68, kStoreOp = 0x70, kAndOp = 0x7B, kOrOp = 0x7D, kNotifyOp = 0x86,
                  kCreateDWordFieldOp = 0x8A, kLNotOp = 0x92, kLEqualOp = 0x93, kIfOp = 0xA0, kElseOp = 0xA1,
                  kReturnOp = 0xA4;

Bytes opcode(uint8_t value) { return {value}; }

/// The length of a term, itself included (20.2.4): 6 bits in one byte, or 4 bits and up to three more bytes.
Bytes package_length(size_t body) {
    if (body + 1 < 0x40) return {static_cast<uint8_t>(body + 1)};
    unsigned more = 1;
    while (body + 1 + more >= size_t{1} << (4 + 8 * more)) more++;
    const size_t length = body + 1 + more;
    Writer bytes;
    bytes.u8(more << 6 | (length & 0xF));
    for (unsigned i = 0; i < more; i++) bytes.u8(length >> (4 + 8 * i));
    return bytes.take();
}

Bytes sized(const Bytes& start, const Bytes& body) { return join({start, package_length(body.size()), body}); }

// Address space descriptors (6.4.3.5).
constexpr uint8_t kDWordSpace = 0x87, kWordSpace = 0x88, kQWordSpace = 0x8A;
constexpr uint8_t kMemory = 0, kPorts = 1, kBusNumbers = 2;
constexpr uint8_t kProducerFixed = 0x0C; ///< _MIF and _MAF
constexpr uint8_t kReadWrite = 1, kEntireRange = 3;

Bytes window(uint8_t tag, uint8_t type, uint8_t flags, uint64_t base, uint64_t size, uint64_t translation) {
    const auto put = [tag](Writer& to, uint64_t value) {
        if (tag == kWordSpace) return to.u16(value);
        return tag == kDWordSpace ? to.u32(value) : to.u64(value);
    };
    Writer values;
    values.u8(type).u8(kProducerFixed).u8(flags);
    for (const uint64_t value : {uint64_t{0}, base, base + size - 1, translation, size}) put(values, value);
    return Writer().u8(tag).u16(values.size()).bytes(values.take()).take();
}

} // namespace

Writer& Writer::zeros(size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
}

Writer& Writer::text(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
}

Writer& Writer::bytes(std::span<const uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
}

Writer& Writer::number(uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++) bytes_.push_back(static_cast<uint8_t>(value >> 8 * i));
    return *this;
}

Bytes join(std::initializer_list<Bytes> parts) {
    Writer all;
    for (const Bytes& part : parts) all.bytes(part);
    return all.take();
}

Bytes path(std::string_view name) {
    Bytes bytes;
    if (name.starts_with('\\')) {
        bytes.push_back(kRootChar);
        name.remove_prefix(1);
    }
    for (size_t i = 0; i < 4; i++) bytes.push_back(i < name.size() ? static_cast<uint8_t>(name[i]) : uint8_t{'_'});
    return bytes;
}

Bytes integer(uint64_t value) {
    if (value <= 1) return opcode(value == 0 ? kZeroOp : kOneOp);
    if (value <= UINT8_MAX) return Writer().u8(kBytePrefix).u8(value).take();
    if (value <= UINT16_MAX) return Writer().u8(kWordPrefix).u16(value).take();
    if (value <= UINT32_MAX) return Writer().u8(kDWordPrefix).u32(value).take();
    return Writer().u8(kQWordPrefix).u64(value).take();
}

Bytes string(std::string_view text) { return Writer().u8(kStringPrefix).text(text).u8(0).take(); }

Bytes buffer(const Bytes& contents) { return sized(opcode(kBufferOp), join({integer(contents.size()), contents})); }

Bytes package(std::span<const Bytes> elements) {
    Writer body;
    body.u8(elements.size());
    for (const Bytes& element : elements) body.bytes(element);
    return sized(opcode(kPackageOp), body.take());
}

Bytes uuid(std::string_view text) {
    // Where in "aabbccdd-eeff-gghh-iijj-kkllmmnnoopp" each byte's digits are (19.6.142).
    constexpr std::array<uint8_t, 16> kOrder{6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34};
    const auto digit = [text](size_t at) { return text[at] <= '9' ? text[at] - '0' : text[at] - 'a' + 10; };
    Bytes bytes;
    for (const uint8_t at : kOrder) bytes.push_back(static_cast<uint8_t>(digit(at) << 4 | digit(at + 1)));
    return buffer(bytes);
}

Bytes name(std::string_view name, const Bytes& value) { return join({opcode(kNameOp), path(name), value}); }

Bytes scope(std::string_view name, const Bytes& body) { return sized(opcode(kScopeOp), join({path(name), body})); }

Bytes device(std::string_view name, const Bytes& body) {
    return sized({kExtOpPrefix, kDeviceOp}, join({path(name), body}));
}

Bytes method(std::string_view name, unsigned arguments, const Bytes& body) {
    return sized(opcode(kMethodOp), join({path(name), opcode(static_cast<uint8_t>(arguments)), body}));
}

Bytes argument(unsigned number) { return opcode(static_cast<uint8_t>(kArg0Op + number)); }
Bytes local(unsigned number) { return opcode(static_cast<uint8_t>(kLocal0Op + number)); }
Bytes store(const Bytes& value, const Bytes& target) { return join({opcode(kStoreOp), value, target}); }
Bytes mask(const Bytes& left, const Bytes& right, const Bytes& target) {
    return join({opcode(kAndOp), left, right, target});
}
Bytes set_bits(const Bytes& target, const Bytes& value) { return join({opcode(kOrOp), target, value, target}); }
Bytes equal(const Bytes& left, const Bytes& right) { return join({opcode(kLEqualOp), left, right}); }
Bytes negate(const Bytes& condition) { return join({opcode(kLNotOp), condition}); }
Bytes when(const Bytes& condition, const Bytes& body) { return sized(opcode(kIfOp), join({condition, body})); }
Bytes otherwise(const Bytes& body) { return sized(opcode(kElseOp), body); }
Bytes dword_field(const Bytes& buffer, uint64_t offset, std::string_view name) {
    return join({opcode(kCreateDWordFieldOp), buffer, integer(offset), path(name)});
}
Bytes notify(std::string_view object, uint64_t value) {
    return join({opcode(kNotifyOp), path(object), integer(value)});
}
Bytes give(const Bytes& value) { return join({opcode(kReturnOp), value}); }

Bytes resources(std::initializer_list<Bytes> descriptors) {
    // The end tag; a checksum of 0 is none (6.4.2.9).
    return buffer(join({join(descriptors), Bytes{0x79, 0}}));
}

Bytes memory32(uint64_t base, uint64_t size) {
    return Writer().u8(0x86).u16(9).u8(kReadWrite).u32(base).u32(size).take();
}

Bytes interrupt(uint32_t number) {
    constexpr uint8_t kConsumer = 1;
    return Writer().u8(0x89).u16(6).u8(kConsumer).u8(1).u32(number).take();
}

Bytes bus_numbers(uint64_t count) { return window(kWordSpace, kBusNumbers, 0, 0, count, 0); }

Bytes memory32_window(uint64_t base, uint64_t size) { return window(kDWordSpace, kMemory, kReadWrite, base, size, 0); }

Bytes memory64_window(uint64_t base, uint64_t size) { return window(kQWordSpace, kMemory, kReadWrite, base, size, 0); }

Bytes port_window(uint64_t base, uint64_t size, uint64_t translation) {
    return window(kDWordSpace, kPorts, kEntireRange, base, size, translation);
}

Bytes gpio_interrupt(unsigned line, std::string_view source) {
    // 6.4.3.8.1
    constexpr uint8_t kRevision = 1, kInterruptConnection = 0, kConsumer = 1, kEdge = 1, kDefaultPull = 0;
    constexpr uint16_t kLinesAt = 23, kSourceAt = kLinesAt + 2;
    const auto end = static_cast<uint16_t>(kSourceAt + source.size() + 1);
    constexpr uint16_t kHeader = 3;
    Writer bytes;
    bytes.u8(0x8C).u16(end - kHeader).u8(kRevision).u8(kInterruptConnection).u16(kConsumer).u16(kEdge).u8(kDefaultPull);
    bytes.u16(0).u16(0).u16(kLinesAt).u8(0).u16(kSourceAt).u16(end).u16(0).u16(line).text(source).u8(0);
    return bytes.take();
}

} // namespace beeline::board::aml
