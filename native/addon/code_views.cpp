#include "addon/code_views.h"

#include "arm64/execution_context.h"
#include "translate/listing.h"

#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <vector>

namespace beeline::addon {

using host::SymbolRange;
using translate::CodeRange;
using translate::Translation;

namespace {

Napi::String hex(Napi::Env env, uint64_t value) { return Napi::String::New(env, fmt::format("{:x}", value)); }

Napi::String hex_bytes(Napi::Env env, const uint8_t* bytes, size_t count) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text(count * 2, ' ');
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = kDigits[bytes[i] >> 4];
        text[2 * i + 1] = kDigits[bytes[i] & 15];
    }
    return Napi::String::New(env, text);
}

Napi::Array ranges(Napi::Env env, const std::vector<SymbolRange>& list) {
    Napi::Array result = Napi::Array::New(env, list.size());
    for (uint32_t i = 0; i < list.size(); i++) {
        const SymbolRange& range = list[i];
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("begin", hex(env, range.begin));
        entry.Set("size", range.size);
        entry.Set("count", range.count);
        entry.Set("stride", range.stride);
        entry.Set("name", range.name);
        result.Set(i, entry);
    }
    return result;
}

Napi::Object block_of(Napi::Env env, const Translation& translation) {
    const arm64::ExecutionContext context = arm64::unpack_context(translation.context);
    Napi::Object block = Napi::Object::New(env);
    block.Set("pc", hex(env, translation.pc));
    block.Set("pa", hex(env, translation.pa.value));
    block.Set("el", static_cast<uint32_t>(context.el));
    block.Set("inUse", !translation.discarded);
    block.Set("executions", static_cast<double>(translation.executions));
    block.Set("words", hex_bytes(env, reinterpret_cast<const uint8_t*>(translation.words.data()),
                                 translation.words.size() * sizeof(uint32_t)));
    block.Set("address", hex(env, reinterpret_cast<uint64_t>(translation.code)));
    block.Set("code", hex_bytes(env, translation.code, translation.size));
    Napi::Array layout = Napi::Array::New(env, translation.layout.size());
    for (uint32_t i = 0; i < translation.layout.size(); i++) {
        const CodeRange& range = translation.layout[i];
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("begin", range.begin);
        entry.Set("instruction", static_cast<uint32_t>(range.instruction));
        entry.Set("cold", range.cold);
        layout.Set(i, entry);
    }
    block.Set("layout", layout);
    block.Set("symbols", ranges(env, translate::block_symbols(translation)));
    return block;
}

/// Reads what JavaScript passes; the first thing that is wrong stays in `wrong`.
class Reader {
public:
    std::string wrong;

    uint64_t number(const Napi::Object& object, const char* name) {
        const std::string text = object.Get(name).ToString().Utf8Value();
        uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
        if (error != std::errc() || end != text.data() + text.size()) refuse(name);
        return value;
    }

    uint32_t small(const Napi::Object& object, const char* name) {
        const Napi::Value value = object.Get(name);
        if (!value.IsNumber()) refuse(name);
        return value.ToNumber().Uint32Value();
    }

    std::vector<uint8_t> bytes(const Napi::Object& object, const char* name) {
        const std::string text = object.Get(name).ToString().Utf8Value();
        std::vector<uint8_t> result(text.size() / 2);
        bool good = text.size() % 2 == 0;
        for (size_t i = 0; i < result.size() && good; i++) {
            const char* const pair = text.data() + 2 * i;
            const auto [end, error] = std::from_chars(pair, pair + 2, result[i], 16);
            good = error == std::errc() && end == pair + 2;
        }
        if (!good) refuse(name);
        return result;
    }

    Napi::Array array(const Napi::Object& object, const char* name) {
        const Napi::Value value = object.Get(name);
        if (value.IsArray()) return value.As<Napi::Array>();
        refuse(name);
        return Napi::Array::New(object.Env());
    }

    void add_ranges(const Napi::Object& object, const char* name, std::vector<SymbolRange>& to) {
        const Napi::Array list = array(object, name);
        for (uint32_t i = 0; i < list.Length(); i++) {
            const Napi::Object entry = list.Get(i).ToObject();
            SymbolRange range{.begin = number(entry, "begin"),
                              .size = small(entry, "size"),
                              .count = small(entry, "count"),
                              .stride = small(entry, "stride"),
                              .name = entry.Get("name").ToString().Utf8Value()};
            if (range.stride == 0) {
                refuse("stride");
                return;
            }
            to.push_back(std::move(range));
        }
    }

private:
    void refuse(const char* name) {
        if (wrong.empty()) wrong = name;
    }
};

} // namespace

Napi::Array translations(Napi::Env env, const board::Machine& machine) {
    Napi::Array cpus = Napi::Array::New(env);
    for (const translate::DirectTier* tier : machine.direct_tiers()) {
        const host::Symbols symbols = tier->symbols();
        Napi::Object common = Napi::Object::New(env);
        common.Set("frame", ranges(env, symbols.frame));
        common.Set("segment", ranges(env, symbols.segment));
        common.Set("addresses", ranges(env, symbols.addresses));
        Napi::Array blocks = Napi::Array::New(env);
        tier->for_each_translation([&](const Translation& translation) {
            const Napi::HandleScope scope(env);
            blocks.Set(blocks.Length(), block_of(env, translation));
        });
        Napi::Object cpu = Napi::Object::New(env);
        cpu.Set("symbols", common);
        cpu.Set("blocks", blocks);
        cpus.Set(cpus.Length(), cpu);
    }
    return cpus;
}

Napi::Value hot_blocks(Napi::Env env, const board::Machine& machine, size_t most, const std::string& order) {
    const board::BlockOrder by = order == "bytes"        ? board::BlockOrder::Bytes
                                 : order == "executions" ? board::BlockOrder::Executions
                                                         : board::BlockOrder::Instructions;
    const std::optional<board::HotBlocks> hot = machine.hot_blocks(most, by);
    if (!hot) return env.Undefined();
    Napi::Array blocks = Napi::Array::New(env, hot->blocks.size());
    for (uint32_t i = 0; i < hot->blocks.size(); i++) {
        const board::HotBlock& block = hot->blocks[i];
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("cpu", block.cpu);
        entry.Set("pc", fmt::format("0x{:x}", block.pc));
        entry.Set("pa", fmt::format("0x{:x}", block.pa));
        entry.Set("el", block.el);
        entry.Set("inUse", block.in_use);
        entry.Set("executions", static_cast<double>(block.executions));
        entry.Set("instructions", block.instructions);
        entry.Set("bytes", block.bytes);
        blocks.Set(i, entry);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("count", static_cast<double>(hot->count));
    result.Set("instructions", static_cast<double>(hot->instructions));
    result.Set("bytes", static_cast<double>(hot->bytes));
    result.Set("blocks", blocks);
    return result;
}

Napi::Value list_block(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (info.Length() != 2 || !info[0].IsObject() || !info[1].IsObject()) {
        Napi::TypeError::New(env, "listBlock takes a block and symbols").ThrowAsJavaScriptException();
        return env.Undefined();
    }
    const auto block = info[0].As<Napi::Object>();
    const auto common = info[1].As<Napi::Object>();
    Reader reader;
    host::Symbols symbols;
    reader.add_ranges(common, "frame", symbols.frame);
    reader.add_ranges(common, "segment", symbols.segment);
    reader.add_ranges(common, "addresses", symbols.addresses);
    reader.add_ranges(block, "symbols", symbols.addresses);
    const std::vector<uint8_t> bytes = reader.bytes(block, "words"), code = reader.bytes(block, "code");
    std::vector<uint32_t> words(bytes.size() / sizeof(uint32_t));
    std::memcpy(words.data(), bytes.data(), words.size() * sizeof(uint32_t));
    std::vector<CodeRange> layout;
    const Napi::Array ranges = reader.array(block, "layout");
    for (uint32_t i = 0; i < ranges.Length(); i++) {
        const Napi::Object range = ranges.Get(i).ToObject();
        layout.push_back({reader.small(range, "begin"), static_cast<uint16_t>(reader.small(range, "instruction")),
                          range.Get("cold").ToBoolean()});
    }
    const translate::ListedBlock listed{.pc = reader.number(block, "pc"),
                                        .words = words,
                                        .code = code,
                                        .address = reader.number(block, "address"),
                                        .layout = layout};
    if (!reader.wrong.empty()) {
        Napi::TypeError::New(env, fmt::format("listBlock: {} is wrong", reader.wrong)).ThrowAsJavaScriptException();
        return env.Undefined();
    }
    return Napi::String::New(env, translate::list_block(listed, symbols));
}

} // namespace beeline::addon
