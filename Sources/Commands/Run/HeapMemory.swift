import CLinuxProcess

/// Keeps the controller's memory close to what it uses. A burst of work, such as a start with thousands of deployments, is
/// short, but the allocator would keep its memory.
enum HeapMemory {
    static let pools: Int32 = 2
    /// Larger allocations get their own mapping: answers of a server and their buffers. Objects that live long are smaller.
    static let ownMappingBytes: Int32 = 64 << 10
    static let unusedBytes: Int32 = 128 << 10
    static let releaseInterval: Duration = .seconds(10)

    static func limit() { clp_limit_heap(pools, ownMappingBytes, unusedBytes) }

    /// Runs until its task is cancelled.
    static func releasePeriodically() async throws {
        while true {
            try await Task.sleep(for: releaseInterval)
            clp_release_free_memory()
        }
    }
}
