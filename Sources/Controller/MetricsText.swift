import SafeText

/// Prometheus' text exposition format 0.0.4, with one HELP and TYPE line per metric family.
struct MetricsText {
    private var families: [String] = []
    private var samples: [String: [String]] = [:]
    private var headers: [String: String] = [:]

    mutating func counter(_ name: String, _ help: String, _ value: Int, _ labels: [String: String] = [:]) {
        add(name, "counter", help, "\(value)", labels)
    }

    mutating func counter(_ name: String, _ help: String, _ value: Double, _ labels: [String: String] = [:]) {
        add(name, "counter", help, value == value.rounded() ? "\(Int(value))" : "\(value)", labels)
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Double, _ labels: [String: String] = [:]) {
        add(name, "gauge", help, value == value.rounded() ? "\(Int(value))" : "\(value)", labels)
    }

    private mutating func add(
        _ name: String, _ type: String, _ help: String, _ value: String, _ labels: [String: String]
    ) {
        if headers[name] == nil {
            families.append(name)
            headers[name] = "# HELP \(name) \(Escape.expositionHelp(help))\n# TYPE \(name) \(type)\n"
        }
        let pairs = labels.sorted { $0.key < $1.key }.map { #"\#($0.key)="\#(Escape.expositionLabel($0.value))""# }
        let block = pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
        samples[name, default: []].append("\(name)\(block) \(value)\n")
    }

    var rendered: String {
        families.map { (headers[$0] ?? "") + (samples[$0] ?? []).sorted().joined() }.joined()
    }
}
