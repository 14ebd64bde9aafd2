import CLinuxProcess

/// Keeps the controller's memory near what it uses: a burst of work, as at a start with thousands of deployments, is over
/// soon, and the allocator would keep what it took.
enum HeapMemory {
    static let pools: Int32 = 2
    /// Answers of a server and what they are read with: what lives long is smaller.
    static let ownMappingBytes: Int32 = 64 << 10
    static let unusedBytes: Int32 = 128 << 10
    static let releaseInterval: Duration = .seconds(10)

    static func limit() { clp_limit_heap(pools, ownMappingBytes, unusedBytes) }

    /// Until its task is cancelled.
    static func keepReleasing() async throws {
        while true {
            try await Task.sleep(for: releaseInterval)
            clp_release_free_memory()
        }
    }
}
