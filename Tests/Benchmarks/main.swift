import Foundation
import TestSupport

// `make bench`: the figures that mlctl promises, each with its goal, and with another tool in the same run if there is
// one.

var arguments = CommandLine.arguments
if arguments.dropFirst().first == "idle-controller" {
    try await IdleController.run(deployments: 1000)
    exit(0)
}
// The published figures use 1,000 streams for each cell. With fewer it takes seconds and only shows that it runs.
var streams = 1000
if let option = arguments.firstIndex(of: "--streams") {
    let wanted = arguments.dropFirst(option + 1).first.flatMap { Int($0) } ?? 0
    guard (1...Int(Streams.seedsPerCell)).contains(wanted) else {
        print("--streams needs a number from 1 to \(Streams.seedsPerCell)")
        exit(2)
    }
    streams = wanted
    arguments.removeSubrange(option...(option + 1))
}
let all = Benchmark.all(streams: streams)
guard arguments.count >= 2 else {
    print("usage: benchmarks PATH-OF-MLCTL [--streams N] [NAME…]   names: \(all.map(\.name).joined(separator: ", "))")
    exit(2)
}
let mlctl = URL(filePath: arguments[1]).standardizedFileURL
let chosen = arguments.count > 2 ? all.filter { arguments.contains($0.name) } : all
var figures: [Figure] = []
for benchmark in chosen {
    print("\(benchmark.name) …")
    fflush(nil)
    do {
        figures += try await benchmark.run(mlctl)
    } catch {
        figures.append(Figure(what: benchmark.name, goal: "-", measured: "failed: \(error)", isMet: false))
    }
}
print("\n" + Figure.table(figures))
exit(figures.allSatisfy(\.isMet) ? 0 : 1)
