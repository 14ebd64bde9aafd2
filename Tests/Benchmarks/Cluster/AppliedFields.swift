import Foundation
import KubernetesClient

/// The fields that mlctl applied to an object, by `metadata.managedFields`: without defaults and without other writers'
/// fields.
enum AppliedFields {
    typealias Fields = [String: Any]

    /// The same object for another namespace and another program. It has no owners and no finalizers, and no controller
    /// of mlctl takes it for its own.
    static func body(of object: Fields, for namespace: String) -> Fields? {
        let before = object["metadata"] as? Fields ?? [:]
        guard let owned = (before["managedFields"] as? [Fields])?.first(where: isMlctls)?["fieldsV1"] as? Fields,
            var fields = pick(owned, of: object) as? Fields
        else { return nil }
        var metadata = fields["metadata"] as? Fields ?? [:]
        metadata["name"] = before["name"]
        metadata["namespace"] = namespace
        metadata["ownerReferences"] = nil
        metadata["finalizers"] = nil
        if var labels = metadata["labels"] as? Fields {
            labels["app.kubernetes.io/managed-by"] = "plain"
            metadata["labels"] = labels
        }
        fields["metadata"] = metadata
        fields["apiVersion"] = object["apiVersion"]
        fields["kind"] = object["kind"]
        return fields
    }

    private static func isMlctls(_ entry: Fields) -> Bool {
        entry["manager"] as? String == KubernetesAPI.fieldManager && entry["operation"] as? String == "Apply"
            && entry["subresource"] == nil
    }

    private static func pick(_ owned: Fields, of value: Any) -> Any {
        let paths = owned.filter { $0.key != "." }
        guard !paths.isEmpty else { return value }
        if let fields = value as? Fields {
            return Dictionary(
                uniqueKeysWithValues: paths.compactMap { path, below in
                    let name = String(path.dropFirst(2))
                    return fields[name].map { (name, pick(below as? Fields ?? [:], of: $0)) }
                })
        }
        guard let items = value as? [Any] else { return value }
        return items.compactMap { item in
            paths.lazy.compactMap { path, below in pick(below as? Fields ?? [:], path, ofItem: item) }.first
        }
    }

    /// An item of a list: `k:{"name":"http"}` identifies it, `v:"value"` is its value.
    private static func pick(_ below: Fields, _ path: String, ofItem item: Any) -> Any? {
        guard path.hasPrefix("k:"), let fields = item as? Fields,
            let keys = try? JSONSerialization.jsonObject(with: Data(path.dropFirst(2).utf8)) as? Fields
        else { return path == "v:\"\(item)\"" ? item : nil }
        guard keys.allSatisfy({ "\(fields[$0.key] ?? "")" == "\($0.value)" }) else { return nil }
        return (pick(below, of: item) as? Fields)?.merging(keys) { own, _ in own }
    }
}
