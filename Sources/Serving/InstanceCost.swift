import ModelManifests

/// What an instance has cost, for people: since its costs are counted, and now.
public struct InstanceCost: Hashable, Codable, Sendable {
    /// CPU seconds of all its processes.
    public var cpuSeconds: Double
    /// Resident bytes of all its processes, now. What two of them share counts twice.
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
    /// Changes with each start of its server: what was used is counted anew from there.
    public var server: String
    public var isReady: Bool
    /// Of its processes, those that have ended among them, since the server's start.
    public var cpuSeconds: Double
    /// Resident, now.
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
