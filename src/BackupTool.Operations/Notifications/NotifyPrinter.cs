using System.Globalization;
using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;

namespace BackupTool.Operations.Notifications;

/// <summary>Writes <c>[notify]</c> as it is in effect; of secrets only where they are, of an address's query only stars.</summary>
internal static class NotifyPrinter
{
    internal static void Print(NotifySettings settings, StringBuilder text)
    {
        text.AppendLine().AppendLine("[notify]");
        text.AppendLine($"timeout = {TomlWriter.Quote(DurationText.Format(settings.Timeout))}");
        foreach (ChannelSettings channel in settings.Channels) Print(channel, text);
    }

    private static void Print(ChannelSettings channel, StringBuilder text)
    {
        text.AppendLine().AppendLine($"[notify.{channel.Name}]");
        text.AppendLine($"kind = {TomlWriter.Quote(channel.Kind)}");
        text.AppendLine($"on = {TomlWriter.Quote(channel.On.Select(NotifyReader.WordFor))}");
        if (channel.Schedules is { } schedules) text.AppendLine($"schedules = {TomlWriter.Quote(schedules)}");
        if (AddressOf(channel) is { Plain: not null } plain) text.AppendLine($"url = {TomlWriter.Quote(plain.Shown)}");
        if (channel is MatrixSettings matrix)
        {
            text.AppendLine($"homeserver = {TomlWriter.Quote(new NotifyAddress { Plain = matrix.Homeserver.OriginalString }.Shown)}");
            text.AppendLine($"room = {TomlWriter.Quote(matrix.Room)}");
            text.AppendLine($"message = {TomlWriter.Quote(ChannelReader.Messages.First(each => each.Value == matrix.Message).Key)}");
        }
        foreach (SecretSource secret in channel.Secrets) text.AppendLine($"{secret.Key} = {(secret.File is { } file ? Quote(file) : TomlWriter.Quote(secret.Credential!))}");
        if (channel is NtfySettings ntfy) Print(ntfy, text);
        if (channel is WebhookSettings { TokenHeader: { } header }) text.AppendLine($"token-header = {TomlWriter.Quote(header)}");
        if (channel is CommandSettings command) text.AppendLine($"command = {TomlWriter.Quote(command.Command)}");
    }

    private static void Print(NtfySettings ntfy, StringBuilder text)
    {
        if (ntfy.Topic is { } topic) text.AppendLine($"topic = {TomlWriter.Quote(topic)}");
        if (ntfy.Priorities.Count > 0)
            text.AppendLine($"priority = {{ {string.Join(", ", ntfy.Priorities.OrderBy(static each => each.Key).Select(static each => string.Create(CultureInfo.InvariantCulture, $"{NotifyReader.WordFor(each.Key)} = {each.Value}")))} }}");
        text.AppendLine($"tags = {TomlWriter.Quote(ntfy.Tags)}");
    }

    private static NotifyAddress? AddressOf(ChannelSettings channel) => channel switch
    {
        PingSettings ping => ping.Url,
        NtfySettings ntfy => ntfy.Url,
        WebhookSettings webhook => webhook.Url,
        _ => null,
    };

    // It came from a TOML text, so it is UTF-8.
    private static string Quote(BytePath path) => TomlWriter.Quote(Encoding.UTF8.GetString(path.Bytes));
}
