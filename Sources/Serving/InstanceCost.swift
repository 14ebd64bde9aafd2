import ModelManifests

/// What an instance costs, for display: in total since measuring began, and now.
public struct InstanceCost: Hashable, Codable, Sendable {
    /// CPU seconds of all its processes.
    public var cpuSeconds: Double
    /// Resident bytes of all its processes, now. Memory that two processes share counts twice.
    public var memoryBytes: Int

    public init(cpuSeconds: Double, memoryBytes: Int) {
        self.cpuSeconds = cpuSeconds
        self.memoryBytes = memoryBytes
    }
}

/// What the processes of one instance have used, at one moment.
public struct ProcessCost: Hashable, Sendable {
    public var instance: String
    public var revision: Revision
    /// Changes with each start of the server, when its usage counts from zero.
    public var server: String
    public var isReady: Bool
    /// CPU seconds of the server's processes since its start, including processes that have ended.
    public var cpuSeconds: Double
    /// Resident bytes, now.
    public var memoryBytes: Int

    public init(
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
