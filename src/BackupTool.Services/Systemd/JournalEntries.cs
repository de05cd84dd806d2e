using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace BackupTool.Services.Systemd;

/// <summary>
/// Reads <c>journalctl --output=json</c>: one object a line. A field is a string; an array of numbers when it is not printable UTF-8; an array of these when the entry has it more
/// than once; null when it is longer than 4,096 bytes (systemd.journal-fields(7), Journal JSON Format).
/// </summary>
internal static class JournalEntries
{
    private const int Informational = 6;

    internal static IEnumerable<JournalLine> Read(string output, string unit)
    {
        foreach (string line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            JournalEntry entry;
            try
            {
                entry = JsonSerializer.Deserialize(line, JournalJson.Default.JournalEntry)!;
            }
            catch (JsonException e)
            {
                throw new ServiceManagerException($"the journal of {unit} cannot be read: journalctl printed what is not an entry", $"See what \"journalctl -u {unit} -o json\" prints.", e);
            }
            yield return new JournalLine(Time(entry), Priority(entry),
                Text(entry.Message) ?? $"(a message of more than 4,096 bytes: \"journalctl -u {unit} --all\" shows it)");
        }
    }

    private static DateTimeOffset Time(JournalEntry entry) =>
        DateTimeOffset.UnixEpoch.AddMicroseconds(long.Parse(entry.RealTime, NumberStyles.None, CultureInfo.InvariantCulture));

    // An entry may carry its priority twice: the first counts, as for journalctl. One without any is informational.
    private static int Priority(JournalEntry entry) =>
        int.TryParse(Text(entry.Priority)?.Split('\n')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int priority) ? priority : Informational;

    private static string? Text(JsonElement field) => field.ValueKind switch
    {
        JsonValueKind.String => field.GetString(),
        JsonValueKind.Array when field.EnumerateArray().All(static item => item.ValueKind == JsonValueKind.Number) =>
            Encoding.UTF8.GetString([.. field.EnumerateArray().Select(static item => item.GetByte())]),
        JsonValueKind.Array => string.Join('\n', field.EnumerateArray().Select(Text)),
        JsonValueKind.Undefined => "",
        _ => null,
    };
}

/// <summary>The fields of an entry that are asked for.</summary>
internal sealed record JournalEntry
{
    [JsonPropertyName("__REALTIME_TIMESTAMP")]
    public required string RealTime { get; init; }

    [JsonPropertyName("PRIORITY")]
    public JsonElement Priority { get; init; }

    [JsonPropertyName("MESSAGE")]
    public JsonElement Message { get; init; }
}

[JsonSerializable(typeof(JournalEntry))]
internal sealed partial class JournalJson : JsonSerializerContext;
