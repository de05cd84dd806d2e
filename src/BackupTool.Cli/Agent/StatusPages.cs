using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BackupTool.Cli.Commands;
using BackupTool.Cli.Output;
using BackupTool.Operations.Status;

namespace BackupTool.Cli.Agent;

/// <summary>An answer to one request.</summary>
internal sealed record StatusPage(int Code, string ContentType, byte[] Body);

/// <summary>What the agent says of itself and of the backups, by path. Reads only; asked from many threads.</summary>
internal sealed class StatusPages(AgentBoard board, BackupStatus backups)
{
    internal const string HealthPath = "/health", MetricsPath = "/metrics", StatusPath = "/status.json";
    private const string Json = "application/json; charset=utf-8", Prometheus = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Answers a request.</summary>
    internal async Task<StatusPage> AnswerAsync(string method, string path, CancellationToken cancellationToken)
    {
        if (path is not (HealthPath or MetricsPath or StatusPath)) return Refuse(404, $"There is only {HealthPath}, {MetricsPath} and {StatusPath}.");
        if (method != "GET") return Refuse(405, "Only GET is answered.");
        if (board.View is not { } view) return Refuse(503, "The agent is only beginning.");
        StatusReport? status = await backups.AskAsync(cancellationToken);
        string[] problems = [.. ProblemsOf(view), .. BackupStatus.ProblemsOf(status)];
        return path switch
        {
            HealthPath => Write(problems.Length == 0 ? 200 : 503, new AgentHealthDocument(problems.Length == 0, board.Time.GetUtcNow(), problems), AgentJson.Default.AgentHealthDocument),
            MetricsPath => new StatusPage(200, Prometheus, Encoding.UTF8.GetBytes((status is null ? "" : PrometheusText.Write(status)) + AgentMetrics.Print(view, board, problems.Length == 0))),
            _ => Write(200, Join(status, AgentDocument.From(view, board, problems)), AgentJson.Default.JsonObject),
        };
    }

    /// <summary>The document of <c>backup status --json</c>, with one member more: <c>agent</c>. That one alone, when how the backups are is not known.</summary>
    private static JsonObject Join(StatusReport? status, AgentDocument agent)
    {
        JsonObject document = status is null ? [] : JsonSerializer.SerializeToNode(StatusDocument.From(status), CliJson.Default.StatusDocument)!.AsObject();
        document["agent"] = JsonSerializer.SerializeToNode(agent, AgentJson.Default.AgentDocument);
        return document;
    }

    private IEnumerable<string> ProblemsOf(AgentView view)
    {
        // The loop begins when the recovery has ended.
        if (board.IsStuck && view.Recovery is not null) yield return $"the agent's loop has not gone round for {(int)board.BeatAge.TotalSeconds} s";
        foreach (string problem in view.Problems()) yield return problem;
    }

    private static StatusPage Refuse(int code, string error) => Write(code, new AgentRefusalDocument(error), AgentJson.Default.AgentRefusalDocument);

    private static StatusPage Write<T>(int code, T document, JsonTypeInfo<T> contract)
    {
        using var body = new MemoryStream();
        JsonReport.Write(body, document, contract);
        return new StatusPage(code, Json, body.ToArray());
    }
}
