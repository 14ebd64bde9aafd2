import Foundation
import ModelManifests
import Presentation

/// Writes a PredictionProfile as a manifest.
struct ProfileManifest {
    var name: String
    var namespace: String?
    /// The data that the profile was created from.
    var source: String
    var profile: PredictionProfile

    func yaml() throws -> String {
        struct Document: Encodable {
            struct Metadata: Encodable {
                var name: String
                var namespace: String?
                var annotations: [String: String]
            }
            struct Spec: Encodable {
                var buckets: [Double]?
                var classes: [String]?
                var counts: [Int]
            }
            var apiVersion = "mlctl.dev/v1alpha1"
            var kind = ManifestKind.predictionProfile.rawValue
            var metadata: Metadata
            var spec: Spec
        }
        var spec = Document.Spec(counts: profile.counts)
        switch profile.buckets {
        case .edges(let edges): spec.buckets = edges
        case .classes(let classes): spec.classes = classes
        // A profile always has explicit buckets.
        case .automatic: break
        }
        let metadata = Document.Metadata(name: name, namespace: namespace, annotations: ["mlctl.dev/source": source])
        return try YAMLText.render(json: JSONEncoder().encode(Document(metadata: metadata, spec: spec)))
    }

    /// The entry of `traffic.observe` that uses the same buckets.
    func observation(path: String) throws -> String {
        struct Observation: Encodable {
            var name: String
            var path: String
            var buckets: [Double]?
            var classes: [String]?
        }
        var observation = Observation(name: name, path: path)
        switch profile.buckets {
        case .edges(let edges): observation.buckets = edges
        case .classes(let classes): observation.classes = classes
        case .automatic: break
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(observation), as: UTF8.self)
    }
}
