import ModelManifests

/// What an instance costs, for display: in total since measuring began, and now.
package struct InstanceCost: Hashable, Codable, Sendable {
    /// CPU seconds of all its processes.
    package var cpuSeconds: Double
    /// Resident bytes of all its processes, now. Memory that two processes share counts twice.
    package var memoryBytes: Int

    package init(cpuSeconds: Double, memoryBytes: Int) {
        self.cpuSeconds = cpuSeconds
        self.memoryBytes = memoryBytes
    }
}

/// What the processes of one instance have used, at one moment.
package struct ProcessCost: Hashable, Sendable {
    package var instance: String
    package var revision: Revision
    /// Changes with each start of the server, when its usage counts from zero.
    package var server: String
    package var isReady: Bool
    /// CPU seconds of the server's processes since its start, including processes that have ended.
    package var cpuSeconds: Double
    /// Resident bytes, now.
    package var memoryBytes: Int

    package init(
        instance: String, revision: Revision, server: String, isReady: Bool, cpuSeconds: Double, memoryBytes: Int
    ) {
        self.instance = instance
        self.revision = revision
        self.server = server
        self.isReady = isReady
        self.cpuSeconds = cpuSeconds
        self.memoryBytes = memoryBytes
    }
}
