/// What the controller's settings say about serving in a cluster.
public struct ClusterServingSettings: Hashable, Sendable {
    /// mlctl's own image: the proxy's, and that of containers that fetch `https:` models, verify digests and warm up.
    public var image: String
    /// Fetches `s3:`, `gs:` and `hf:` models: gets the URI and the folder as its arguments, as KServe's does.
    public var storageInitializerImage: String
    public var proxyReplicas: Int
    /// Names of secrets that the proxy's image is pulled with.
    public var imagePullSecrets: [String]
    /// The only namespace that is looked at, where rights go no further; nil: all.
    public var namespace: String?

    public static let defaultImage = "ghcr.io/mlctl/mlctl:latest"
    public static let defaultStorageInitializerImage = "kserve/storage-initializer:v0.15.0"

    public init(
        image: String = ClusterServingSettings.defaultImage,
        storageInitializerImage: String = ClusterServingSettings.defaultStorageInitializerImage,
        proxyReplicas: Int = 2, imagePullSecrets: [String] = [], namespace: String? = nil
    ) {
        self.image = image
        self.storageInitializerImage = storageInitializerImage
        self.proxyReplicas = proxyReplicas
        self.imagePullSecrets = imagePullSecrets
        self.namespace = namespace
    }
}
