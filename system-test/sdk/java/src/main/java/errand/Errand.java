package errand;

import java.net.URI;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.retries.StandardRetryStrategy;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.MessageAttributeValue;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;
import software.amazon.awssdk.services.sqs.model.ReceiptHandleIsInvalidException;
import software.amazon.awssdk.services.sqs.model.SendMessageBatchRequestEntry;

/** The errand of errand.ts. The SDK checks the digests of bodies and of attributes by itself. */
public final class Errand {
  private static final int COUNT = 100;

  private final SqsClient sqs;
  private final Map<Integer, String> ids = new java.util.HashMap<>();

  private Errand(SqsClient sqs) {
    this.sqs = sqs;
  }

  public static void main(String[] arguments) {
    var retries = StandardRetryStrategy.builder().maxAttempts(12).circuitBreakerEnabled(false).build();
    try (var client =
        SqsClient.builder()
            .endpointOverride(URI.create(System.getenv("KQUEUEY_TEST_ENDPOINT")))
            .overrideConfiguration(overrides -> overrides.retryStrategy(retries))
            .build()) {
      new Errand(client).run();
    }
    System.out.println("done");
  }

  private void run() {
    var url = prepare();
    sendAll(url);
    receiveAll(url);
    meetErrors(url);
    sqs.deleteQueue(request -> request.queueUrl(url));
  }

  private static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  private static String body(int number) {
    return "job " + number + " <&> \"quoted\" \r\n\t 你好 🐇";
  }

  private static Map<String, MessageAttributeValue> attributes(int number) {
    var bytes = SdkBytes.fromByteArray(new byte[] {0, 1, (byte) 255});
    return Map.of(
        "colour",
            MessageAttributeValue.builder()
                .dataType("String")
                .stringValue("red <&> \"blue\" \r\n é")
                .build(),
        "number",
            MessageAttributeValue.builder()
                .dataType("Number.int")
                .stringValue(String.valueOf(number))
                .build(),
        "raw", MessageAttributeValue.builder().dataType("Binary").binaryValue(bytes).build());
  }

  private String prepare() {
    var url =
        sqs.createQueue(
                request ->
                    request
                        .queueName("errand")
                        .attributes(
                            Map.of(
                                QueueAttributeName.VISIBILITY_TIMEOUT, "5",
                                QueueAttributeName.RECEIVE_MESSAGE_WAIT_TIME_SECONDS, "1"))
                        .tags(Map.of("team", "a & b")))
            .queueUrl();
    var listed = sqs.listQueues(request -> request.queueNamePrefix("err")).queueUrls();
    check(listed.equals(List.of(url)), "listed " + listed);
    var tags = sqs.listQueueTags(request -> request.queueUrl(url)).tags();
    check(tags.equals(Map.of("team", "a & b")), "tags " + tags);
    var shown =
        sqs.getQueueAttributes(
                request -> request.queueUrl(url).attributeNames(QueueAttributeName.ALL))
            .attributes();
    check("5".equals(shown.get(QueueAttributeName.VISIBILITY_TIMEOUT)), "attributes " + shown);
    return url;
  }

  private void sendAll(String url) {
    for (int number = 0; number < COUNT / 2; number++) {
      int each = number;
      var sent =
          sqs.sendMessage(
              request ->
                  request.queueUrl(url).messageBody(body(each)).messageAttributes(attributes(each)));
      ids.put(number, sent.messageId());
    }
    System.out.println("half");
    for (int first = COUNT / 2; first < COUNT; first += 10) {
      var entries = new ArrayList<SendMessageBatchRequestEntry>();
      for (int number = first; number < first + 10; number++) {
        entries.add(
            SendMessageBatchRequestEntry.builder()
                .id(String.valueOf(number))
                .messageBody(body(number))
                .messageAttributes(attributes(number))
                .build());
      }
      var sent = sqs.sendMessageBatch(request -> request.queueUrl(url).entries(entries));
      check(sent.successful().size() == 10 && sent.failed().isEmpty(), "batch " + sent);
      for (var entry : sent.successful()) ids.put(Integer.valueOf(entry.id()), entry.messageId());
    }
  }

  private void receiveAll(String url) {
    Set<Integer> seen = new HashSet<>();
    while (seen.size() < COUNT) {
      var received =
          sqs.receiveMessage(
              request ->
                  request.queueUrl(url).maxNumberOfMessages(10).messageAttributeNames("All"));
      for (var message : received.messages()) {
        int number = Integer.parseInt(message.messageAttributes().get("number").stringValue());
        check(message.body().equals(body(number)), "body " + message.body());
        check(message.messageId().equals(ids.get(number)), "id of " + number);
        seen.add(number);
        sqs.deleteMessage(
            request -> request.queueUrl(url).receiptHandle(message.receiptHandle()));
      }
    }
  }

  private void meetErrors(String url) {
    try {
      sqs.getQueueUrl(request -> request.queueName("nowhere"));
      throw new AssertionError("a queue that is not there was found");
    } catch (QueueDoesNotExistException error) {
      var code = error.awsErrorDetails().errorCode();
      check(code.equals("AWS.SimpleQueueService.NonExistentQueue"), code);
    }
    try {
      sqs.deleteMessage(request -> request.queueUrl(url).receiptHandle("garbage"));
      throw new AssertionError("garbage was taken for a receipt");
    } catch (ReceiptHandleIsInvalidException error) {
      check(error.statusCode() == 404, String.valueOf(error.statusCode()));
    }
  }
}
