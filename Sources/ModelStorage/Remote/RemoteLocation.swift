/// A model's place in a store, by scheme.
enum RemoteLocation: Hashable, Sendable, CustomStringConvertible {
    case s3(S3Location)
    case google(GoogleLocation)
    case azure(AzureLocation)
    case hub(HubLocation)
    case listing(WebFolder)
    case mlflow(MLflowArtifacts)
    case registry(RegistryLocation)

    /// - Returns: nil for a scheme of no store.
    /// - Throws: `StorageError` with `unsupported`.
    init?(_ uri: String, scheme: String) throws(StorageError) {
        switch scheme {
        case "s3": self = .s3(try S3Location(uri))
        case "gs": self = .google(try GoogleLocation(uri))
        case "az": self = .azure(try AzureLocation(uri))
        case "hf": self = .hub(try HubLocation(uri))
        case "mlflow-artifacts": self = .mlflow(try MLflowArtifacts(uri))
        case "oci": self = .registry(try RegistryLocation(uri))
        default: return nil
        }
    }

    var description: String {
        switch self {
        case .s3(let location): location.description
        case .google(let location): location.description
        case .azure(let location): location.description
        case .hub(let location): location.description
        case .listing(let folder): folder.description
        case .mlflow(let location): location.description
        case .registry(let location): location.description
        }
    }

    /// The name that a single file has in the model's folder; nil if the model is always a folder.
    var fileName: String? {
        switch self {
        case .s3(let location): location.fileName
        case .google(let location): location.fileName
        case .azure(let location): location.fileName
        case .mlflow(let location): location.fileName
        case .hub, .registry, .listing: nil
        }
    }
}
