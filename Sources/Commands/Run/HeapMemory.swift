import CLinuxProcess

/// Keeps the controller's memory near what it uses: a burst of work, as at a start with thousands of deployments, is over
/// soon, and the allocator would keep what it took.
enum HeapMemory {
    static let pools: Int32 = 2
    static let releaseInterval: Duration = .seconds(10)

    static func limit() { clp_limit_heap_pools(pools) }

    /// Until its task is cancelled.
    static func keepReleasing() async throws {
        while true {
            try await Task.sleep(for: releaseInterval)
            clp_release_free_memory()
        }
    }
}
