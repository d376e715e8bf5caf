// A server of 9P2000.L (the protocol of Linux's file system "9p") for one directory. Everything in a request may be
// anything: sizes are bounded, names are single components, and nothing is touched but what is in the directory.
//
// Files that a guest makes belong to whoever runs it here; owners that it sets are those of the host where that may set
// them, and otherwise stay. Rights of set-user-ID and set-group-ID are never given. Extended attributes and special
// files are refused, locks hold within the guest.
#pragma once

#include "share/directory.h"
#include "share/message.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace beeline::share {

class P9Server {
public:
    /// Bytes of a message at most.
    static constexpr uint32_t kLargestMessage = 512 * 1024;
    /// Objects that a guest may hold at most: each costs a descriptor or two of the host's, of which others need some
    /// too.
    static constexpr size_t kMostFids = 32768;

    explicit P9Server(std::unique_ptr<Directory> directory);

    /// Answers a request. The answer is at most `room` bytes, of which a message has kMessageHeader + 4 at least, and
    /// stays until the next call.
    std::span<const uint8_t> answer(std::span<const uint8_t> request, size_t room);
    /// Whether the guest holds objects: it has the directory mounted.
    bool mounted() const { return !fids_.empty(); }
    /// Forgets the guest.
    void reset();

private:
    /// What the guest has a number for.
    struct Fid {
        Descriptor object;
        Descriptor opened; ///< For reading, writing, or listing.
    };
    /// What tells objects apart, and their versions.
    struct Qid {
        uint8_t type;
        uint32_t version;
        uint64_t path;
    };

    /// These read the rest of the request and write the answer; they return 0 or an error number, with which what they
    /// have written is dropped.
    using Handler = int (P9Server::*)(MessageReader&);
    static Handler handler(uint8_t type, bool& changes);
    int version(MessageReader& in);
    int attach(MessageReader& in);
    int flush(MessageReader& in);
    int walk(MessageReader& in);
    int clunk(MessageReader& in);
    int remove(MessageReader& in);
    int open(MessageReader& in);
    int create(MessageReader& in);
    int read(MessageReader& in);
    int write(MessageReader& in);
    int read_folder(MessageReader& in);
    int get_attributes(MessageReader& in);
    int set_attributes(MessageReader& in);
    int stat_file_system(MessageReader& in);
    int read_link(MessageReader& in);
    int make_link(MessageReader& in);
    int make_symbolic_link(MessageReader& in);
    int make_folder(MessageReader& in);
    int make_node(MessageReader& in);
    int rename_at(MessageReader& in);
    int unlink_at(MessageReader& in);
    int sync(MessageReader& in);
    int lock(MessageReader& in);
    int get_lock(MessageReader& in);
    int unsupported(MessageReader& in);

    Fid* fid(uint32_t number);
    int add_fid(uint32_t number, Descriptor object);
    int set_size(Fid& fid, uint64_t size);
    int qid_of(int object, Qid& qid) const;
    void put_qid(const Qid& qid);
    /// Writes the qid of what `name` is in `folder` now.
    int put_qid_of(int folder, const std::string& name);
    uint64_t path_of(uint64_t device, uint64_t inode) const;
    size_t room_left() const;

    const std::unique_ptr<Directory> directory_;
    const size_t most_fids_;
    uint32_t message_size_ = 8192; ///< As agreed upon.
    size_t room_ = 0;              ///< For the present answer.
    std::map<uint32_t, Fid> fids_;
    MessageWriter out_;
    std::vector<uint8_t> entries_; ///< Of a folder, as the host gives them.
};

} // namespace beeline::share
