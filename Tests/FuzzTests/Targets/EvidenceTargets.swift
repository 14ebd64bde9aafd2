import Foundation
import JSON
import ModelManifests
import Serving

@testable import Analysis
@testable import Commands
@testable import MetricSources

/// Evidence that gates read.
extension FuzzTarget {
    private static let dialects = [MetricDialect.mlServer, .bentoML, .vLLM, .mlctl]
    private static let wanted = dialects.reduce(into: Set(["tokens_total", "process_start_time_seconds"])) {
        $0.formUnion($1.names)
    }

    static let expositionPage = FuzzTarget(
        "exposition", reads: "metrics pages of model servers", of: ["MetricSources"],
        words: FuzzTargets.extremes + wanted.sorted() + [
            "# TYPE ", "# HELP ", "# EOF\n", " counter\n", " gauge\n", "{", "}", "=\"", "\",", "\\n", "\\\"",
            "le=\"0.1\"",
            "le=\"+Inf\"", "status_code=\"500\"", "code=\"499\"", "path=\"/infer\"", "\n", "\r\n",
        ], triesInTests: 150
    ) { input in
        guard let page = try? ExpositionText(Data(input), wanted: wanted) else { return }
        let lines = input.count { $0 == 10 } + 1
        try demand(page.samples.count <= min(lines, ExpositionText.sampleLimit), "\(page.samples.count) samples")
        let written = page.samples.map(text).joined(separator: "\n")
        let again = try ExpositionText(Data(written.utf8), wanted: wanted)
        try demand(
            again.samples.count == page.samples.count, "written and read again it has \(again.samples.count) samples")
        for (one, other) in zip(page.samples, again.samples) {
            let isSame = one.value == other.value || one.value.isNaN && other.value.isNaN
            try demand(isSame && one.name == other.name && one.labels == other.labels, "\(one) was read as \(other)")
        }
        for dialect in dialects {
            guard let counters = try? dialect.counters(in: page) else { continue }
            try demand([counters.requests, counters.errors, counters.rejected].allSatisfy { $0 >= 0 }, "\(counters)")
            try demand(counters.errors <= counters.requests, "\(counters.errors) errors of \(counters.requests)")
        }
        for name in wanted { _ = (page.type(of: name), page.sum(of: try SampleSelector(name))) }
    }

    private static func text(_ sample: ExpositionText.Sample) -> String {
        let labels = sample.labels.map { name, value in
            let escaped = value.unicodeScalars.map {
                $0 == "\n" ? "\\n" : $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)"
            }
            return "\(name)=\"\(escaped.joined())\""
        }
        return "\(sample.name){\(labels.joined(separator: ","))} \(sample.value)"
    }

    static let prometheusAnswer = FuzzTarget(
        "prometheus-answer", reads: "answers of Prometheus", of: ["MetricSources"],
        words: FuzzTargets.json + FuzzTargets.extremes + [
            "\"status\":\"success\"", "\"status\":\"error\"", "\"data\"", "\"resultType\"", "\"vector\"", "\"matrix\"",
            "\"scalar\"",
            "\"string\"", "\"result\"", "\"metric\"", "\"value\":[1,\"2\"]", "\"values\"", "\"histogram\"",
            "\"warnings\"", "\"infos\"",
        ], triesInTests: 100
    ) { input in
        for status in [200, 422] {
            guard let answer = try? PrometheusAnswer(SourceResponse(status: status, body: Data(input)), from: "p")
            else {
                continue
            }
            let range = MetricRange(over: .seconds(60), reduce: .mean, minPoints: 2)
            for measured in [answer.measured(), answer.measured(over: range)] { try checkMeasured(measured) }
            guard let counters = try? answer.counters() else { continue }
            try demand(counters.count <= PrometheusAnswer.seriesLimit, "\(counters.count) series")
            for counter in counters {
                try demand(counter.value.isFinite && counter.value >= 0, "a counter of \(counter.value)")
                try demand(!PrometheusAnswer.text(counter.labels).contains("\n"), "labels over several lines")
            }
        }
    }

    private static func checkMeasured(_ measured: Measured) throws {
        switch measured {
        case .value(let value, _): try demand(value.isFinite, "the value is \(value)")
        case .noData(let reason), .error(let reason): try demand(!reason.isEmpty, "no reason is given")
        }
    }

    static let webAnswer = FuzzTarget(
        "web-answer", reads: "answers of JSON endpoints, check commands, model servers and proxies",
        of: ["MetricSources", "Serving"],
        words: FuzzTargets.json + FuzzTargets.extremes + [
            "\"metrics\"", "\"accuracy\"", "\"inputs\"", "\"outputs\"", "\"name\"", "\"datatype\":\"FP32\"",
            "\"shape\":[-1,4]", "\n",
            "\"epoch\"", "\"instances\"", "\"counters\"", "\"latency\"", "\"unavailable\"", "\"users\"", "\"splits\"",
        ], triesInTests: 100
    ) { input in
        let data = Data(input)
        for path in ["", "a", "a[0].b", "metrics.accuracy"] {
            guard let path = JSONPath(path) else { continue }
            try checkMeasured(NumberAtPath.measure(path, in: data))
        }
        var output = LastBytes(limit: 1 << 12)
        for piece in Cuts.pieces(of: input) { piece.withUnsafeBytes { output.append($0) } }
        try demand(output.bytes == input.suffix(1 << 12) && output.count == input.count, "not the last bytes")
        let metrics = CheckMetrics.read(output.bytes, isCut: output.isCut)
        try demand(metrics.count <= CheckMetrics.countLimit && metrics.values.allSatisfy(\.isFinite), "\(metrics)")
        if let contract = try? ModelMetadata.contract(from: data) {
            for tensors in [contract.inputs, contract.outputs] {
                try demand(tensors.count <= ModelMetadata.tensorLimit, "\(tensors.count) tensors")
                try demand(tensors.allSatisfy { $0.shape.allSatisfy { $0 >= -1 } }, "\(tensors)")
            }
        }
        if let report = try? JSONDecoder().decode(ProxyReport.self, from: data) {
            let again = try JSONDecoder().decode(ProxyReport.self, from: try JSONEncoder().encode(report))
            try demand(again == report, "a proxy's report changed when it was written again")
        }
    }

    static let replayData = FuzzTarget(
        "replay-data", reads: "recorded metrics, the input of `mlctl replay`", of: ["Analysis"],
        words: FuzzTargets.json + FuzzTargets.extremes + [
            "\"stream\":\"a\"", "\"t\":", "\"stable\":", "\"candidate\":", "\"requests\":", "\"errors\":",
            "\"latency\":{\"0.1\":",
            "\"+Inf\":", "\"synthetic\":", "\"proxy\":", "\"pairs\":", "\"disagreements\":", "\"distance\":",
            "\"score\":[1,2,3]",
            "\"history\":", "\"tokens\":", "Infinity", "\n",
        ], triesInTests: 60
    ) { input in
        let lines = input.split(separator: 10, maxSplits: 64).map { String(decoding: $0, as: UTF8.self) }
        let verdicts: [ReplayVerdict]
        do {
            verdicts = try Replay.run(rollout: ReplayedGates.rollout, lines: lines)
        } catch let error as ReplayError {
            try demand((1...lines.count).contains(error.line) && !error.message.isEmpty, "\(error)")
            return
        }
        try demand(verdicts.count <= lines.count * ReplayedGates.rollout.gates.count, "\(verdicts.count) verdicts")
        for verdict in verdicts {
            try demand(verdict.samples >= 0 && verdict.t.isFinite && !verdict.reason.isEmpty, "\(verdict)")
        }
    }

    static let csvData = FuzzTarget(
        "csv", reads: "recorded values: CSV files and JSON lines", of: ["Commands"],
        words: [",", "\"", "\"\"", "\n", "\r\n", "\u{FEFF}", "score", "{\"score\":1}", "NaN"]
    ) { input in
        let lines = input.split(separator: 10, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        var records = CSVRecords(lines.makeIterator())
        var last = 0
        while let record = try? records.next() {
            try demand(record.line > last && record.line <= lines.count, "a record at line \(record.line)")
            last = record.line
            let text = record.fields.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: ",")
            var again = CSVRecords(
                text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init).makeIterator())
            let fields = (try? again.next())?.fields
            try demand(fields == record.fields, "\(record.fields) was written as \(text.debugDescription)")
        }
        if var values = try? ColumnValues(lines.makeIterator(), column: "score") {
            while (try? values.next()) ?? nil != nil {}
        }
        if let path = JSONPath("score") {
            var values = PathValues(lines.makeIterator(), path: path)
            while let found = try? values.next() { try demand(found.line <= lines.count, "at line \(found.line)") }
        }
    }
}

/// One gate of each kind that can be judged from a recording.
enum ReplayedGates {
    static let rollout: RolloutSpec = {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: replayed}
            spec:
              model: {storageUri: "file:///tmp/models/v2"}
              runtime: {name: mlctl}
              endpoint: {port: 9120}
              traffic:
                observe:
                - {name: score, path: "outputs[0].data[0]", buckets: [0.2, 0.8]}
              rollout:
                strategy: shadow
                steps: [{mirror: 100}, {setWeight: 50}, {setWeight: 100}]
                gates:
                - {name: errors, compare: {metric: errors, maxRelativeIncrease: 0.1, minSamples: 20}}
                - {name: rejected, compare: {metric: rejected, maxAbsoluteIncrease: 0.01}}
                - {name: slow, compare: {metric: slow}}
                - {name: p95, compare: {metric: latencyP95, maxRelativeIncrease: 0.25}}
                - {name: tokens, compare: {ratio: {of: tokens, per: converted}}}
                - {name: scores, distribution: {observe: score, maxShift: 0.15, passShift: 0.3}}
                - {name: agreement, agreement: {min: 0.8}}
                - {name: distance, distance: {max: 0.1}}
            """
        let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "replayed.yaml")])
        return state.deployments.values.first?.rollout ?? RolloutSpec(gates: [])
    }()
}
