/// What one repository may take of the machine. Whoever writes to it may not be trusted.
public struct GitLimits: Hashable, Sendable {
    /// Of the manifests' files of one commit.
    public var files: Int
    /// Of their text together.
    public var snapshotBytes: Int
    /// Of the names of all files below the path, as git lists them.
    public var listingBytes: Int
    /// Of the names of branches or tags, as git lists them.
    public var referenceBytes: Int
    /// Of the pack that one fetch brings.
    public var fetchBytes: Int
    /// Of the whole mirror. One that is larger is made anew.
    public var mirrorBytes: Int
    /// Of address space, for each process of git.
    public var memoryBytes: Int

    public init(
        files: Int = 50_000, snapshotBytes: Int = 128 << 20, listingBytes: Int = 32 << 20,
        referenceBytes: Int = 8 << 20,
        fetchBytes: Int = 256 << 20, mirrorBytes: Int = 1 << 30, memoryBytes: Int = 2 << 30
    ) {
        self.files = files
        self.snapshotBytes = snapshotBytes
        self.listingBytes = listingBytes
        self.referenceBytes = referenceBytes
        self.fetchBytes = fetchBytes
        self.mirrorBytes = mirrorBytes
        self.memoryBytes = memoryBytes
    }
}
